"""The reporter: each site once, in the chosen mode, and never a trouble for the program."""

import json
import logging
import os
import sys
import threading
import warnings

import pytest
from ferraio.diagnose import reporter
from ferraio.diagnose.finding import Finding, Place


def finding(line=1, code="FER001", **more):
    return Finding(code, "something is wrong", Place("app.py", line, "main"), **more)


def test_a_hint_is_written_to_stderr_with_notes_and_help(diagnosing, capsys):
    diagnosing("hint")
    reporter.report(finding(notes=("this is why",), help="write something else"))
    shown = capsys.readouterr().err
    for part in ("FER001", "something is wrong", "app.py:1", "this is why", "write something else"):
        assert part in shown


def test_ten_thousand_identical_findings_are_shown_once_and_counted(diagnosing, capsys):
    found = diagnosing("hint")
    for _ in range(10_000):
        reporter.report(finding())
    assert capsys.readouterr().err.count("FER001") == 1
    assert reporter.counts() == {"FER001": 10_000}
    assert reporter.repeated() == {("FER001", "app.py", 1, None): 10_000}
    assert len(found) == 10_000


def test_two_codes_or_two_lines_are_two_sites(diagnosing, capsys):
    diagnosing("hint,format=concise")
    for each in (finding(1), finding(2), finding(1, "FER006")):
        reporter.report(each)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_too_many_sites_are_said_to_be_too_many_and_cost_no_more_memory(diagnosing, capsys):
    diagnosing("hint,format=concise")
    for line in range(reporter.MOST_SITES + 50):
        reporter.report(finding(line + 1))
    assert len(capsys.readouterr().err.splitlines()) == reporter.MOST_SITES + 1
    assert reporter.counts() == {"FER001": reporter.MOST_SITES}


def test_in_log_mode_a_site_makes_a_record_at_its_1st_10th_and_100th_time(diagnosing, capsys, caplog):
    diagnosing("log")
    with caplog.at_level(logging.WARNING, "ferraio"):
        for _ in range(500):
            reporter.report(finding(task="worker"))
    assert [record.count for record in caplog.records] == [1, 10, 100]
    record = caplog.records[0]
    assert (record.code, record.filename_found, record.line, record.function, record.task) == (
        ("FER001", "app.py", 1, "main", "worker")
    )
    assert record.getMessage() == "app.py:1:1: FER001 something is wrong"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("mode", ["off", "hint,ignore=FER001", "hint,ignore=FER006+fer001"])
def test_what_is_off_or_ignored_is_not_reported(diagnosing, capsys, mode):
    found = diagnosing(mode)
    reporter.report(finding())
    assert (found, capsys.readouterr().err, reporter.counts()) == ([], "", {})


def test_json_is_an_object_on_a_line(diagnosing, capsys):
    diagnosing("hint,format=json")
    reporter.report(finding(notes=("why ⇒",), related=((Place("b.py", 2), "here too"),)))
    (line,) = capsys.readouterr().err.splitlines()
    shown = json.loads(line)
    assert (shown["code"], shown["filename"], shown["notes"]) == ("FER001", "app.py", ["why ⇒"])
    assert (shown["location"]["row"], shown["function"]) == (1, "main")
    (related,) = shown["related"]
    assert (related["filename"], related["location"]["row"], related["message"]) == ("b.py", 2, "here too")


def test_a_finding_without_a_place_is_reported_too(diagnosing, capsys):
    diagnosing("hint,format=concise")
    reporter.report(Finding("FER007", "all tasks wait for ever"))
    assert capsys.readouterr().err == "FER007 all tasks wait for ever\n"


class Broken:
    """A stream that cannot be written to."""

    def write(self, text):
        raise OSError("no space left on device")


def closed_stream():
    stream = open(os.devnull, "w")
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed_stream(), Broken()], ids=["none", "closed", "broken"])
def test_a_stderr_that_is_gone_is_no_trouble(diagnosing, monkeypatch, stream):
    diagnosing("hint")
    monkeypatch.setattr(sys, "stderr", stream)
    reporter.report(finding())
    assert reporter.counts() == {"FER001": 1}


def test_an_observer_that_raises_is_no_trouble(diagnosing, capsys, monkeypatch):
    diagnosing("hint")

    def observer(finding):
        raise RuntimeError("out of order")

    monkeypatch.setattr(reporter, "observers", [observer])
    assert reporter.report(finding())
    written = capsys.readouterr().err
    assert "could not report a finding: RuntimeError: out of order" in written
    assert "something is wrong" in written
    monkeypatch.setattr(reporter, "observers", [])


def test_threads_report_together(diagnosing, capsys):
    diagnosing("hint")
    threads = [threading.Thread(target=lambda: [reporter.report(finding()) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reporter.counts() == {"FER001": 1600}
    assert capsys.readouterr().err.count("FER001") == 1


def test_a_child_reports_although_its_parent_held_the_lock(diagnosing):
    diagnosing("hint,format=concise")
    reporter.forget()
    holds, may_let_go = threading.Event(), threading.Event()

    def hold():
        with reporter._lock:
            holds.set()
            may_let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12 on: that is what the test is about
        child = os.fork()
    if child == 0:
        sys.stderr = None
        reporter.report(finding())
        os._exit(40 + reporter.failures())
    may_let_go.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 41


def test_only_some_codes_are_errors(diagnosing):
    diagnosing("strict")
    for code in ("FER001", "FER002", "FER006", "FER007", "FER010"):
        reporter.report(finding(code=code))
    assert reporter.failures() == 3
