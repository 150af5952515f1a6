"""Settings: how they are written, and what is said to those that are wrong."""

import pytest
from ferraio.diagnose.settings import Settings, from_environment, parse


def test_a_mode_alone():
    assert parse("hint") == Settings(mode="hint")


def test_a_mode_and_settings_with_spaces():
    settings = parse(" strict , slow = 0.05, format=json, ignore=FER001+fer006 ")
    assert settings == Settings(mode="strict", slow=0.05, format="json", ignore=frozenset({"FER001", "FER006"}))


def test_settings_without_a_mode_keep_the_default():
    assert parse("slow=2", defaults=Settings(mode="hint")) == Settings(mode="hint", slow=2.0)


def test_the_environment(monkeypatch):
    monkeypatch.delenv("FERRAIO", raising=False)
    assert from_environment(Settings(mode="hint")) == Settings(mode="hint")
    monkeypatch.setenv("FERRAIO", "off")
    assert from_environment(Settings(mode="hint")) == Settings(mode="off")
    monkeypatch.setenv("FERRAIO", " ")
    assert from_environment() == Settings(mode="log")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hnt", "x: 'hnt' is not a mode; choose one of hint, strict, log, off; did you mean 'hint'?"),
        ("", "x: '' is not a mode"),
        ("hint,slwo=1", "x: there is no setting 'slwo'; did you mean 'slow'?"),
        ("hint,mode=log", "x: there is no setting 'mode'"),
        ("hint,strict", "x: two values for the mode: hint and strict"),
        ("slow=1,slow=2", "x: two values for the slow: 1.0 and 2.0"),
        ("slow=fast", "x: slow='fast': a positive number of seconds is wanted, such as 0.05"),
        ("slow=-1", "x: slow='-1': a positive number"),
        ("slow=nan", "x: slow='nan': a positive number"),
        ("slow=inf", "x: slow='inf': a positive number"),
        ("format=xml", "x: format='xml': no such format; choose one of full, concise, json"),
        ("ignore=FER1", "x: ignore='FER1': 'FER1' is not a code such as FER001"),
    ],
)
def test_wrong_settings_are_explained(text, words):
    with pytest.raises(ValueError) as raised:
        parse(text, origin="x")
    assert str(raised.value).startswith(words)
