"""`ferraio run -m module`, `-c code` and `-`: what Python does for `python -m module`, `-c code` and `-`.

Python shows two frames of runpy above the program's in tracebacks of `-m`. We do not; the rest is the same.
"""

import pytest

SHOW = "import sys; print(sys.argv, sys.path, __name__, __file__, __spec__, __package__)\n"
FILES = {
    "simple.py": SHOW,
    "failing.py": "def f():\n    1/0\nf()\n",
    "wrong_syntax.py": "print((1\n",
    "interrupted.py": "raise KeyboardInterrupt\n",
    "leaving.py": "import sys; sys.exit('bye')\n",
    "package/__init__.py": "print('package', __name__)\n",
    "package/__main__.py": SHOW + "from . import part\n",
    "package/part.py": "print('part', __name__)\n",
    "package/deep/__init__.py": "",
    "package/deep/tool.py": SHOW + "from ..part import nothing\n",
    "mainless/__init__.py": "",
    "broken/__init__.py": "1/0\n",
    "broken/tool.py": "",
    "importing/__init__.py": "from . import tool\n",
    "importing/tool.py": "print(__name__)\n",
    "pickling.py": "import pickle\ndef f(): return 1\nprint(pickle.loads(pickle.dumps(f)) is f)\n",
    "spawning.py": (
        "import multiprocessing\n"
        "def f(x): return x + 1\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(f, [1, 2]))\n"
    ),
}


@pytest.mark.parametrize(
    "module",
    [
        "simple",
        "failing",
        "wrong_syntax",
        "interrupted",
        "leaving",
        "package",
        "package.part",
        "package.deep.tool",
        "mainless",
        "broken",
        "broken.tool",
        "importing.tool",
        "pickling",
        "spawning",
        "missing",
        "package.missing",
        "missing.module",
        "simple.py",
        ".relative",
        "sys",
        "json.tool",
    ],
)
def test_module_looks_as_under_python(module, python, ferraio_command, write):
    for file, source in FILES.items():
        write(file, source)
    expected = python("-m", module, "-m", "--version", stdin="{}").without_frames_of("<frozen runpy>")
    outcome = ferraio_command("run", "-m", module, "-m", "--version", stdin="{}")
    assert outcome.without_frames_of("<frozen importlib._bootstrap>") == expected.without_frames_of(
        "<frozen importlib._bootstrap>"
    )


def test_module_may_follow_its_option_without_a_space(python, ferraio_command, write):
    write("simple.py", SHOW)
    assert ferraio_command("run", "-msimple", "a") == python("-msimple", "a")


def test_module_is_found_as_with_safe_path(python, write):
    write("simple.py", SHOW)
    assert python("-P", "-m", "ferraio", "run", "-m", "simple") == python("-P", "-m", "simple")


COMMANDS = {
    "globals": "import sys; print(sys.argv, sys.path, sorted(globals().items(), key=str))",
    "fails": "def f():\n    1/0\nf()",
    "syntax_error": "print((1",
    "indented": "  print(1)",
    "exit": "import sys; sys.exit(8)",
    "interrupt": "raise KeyboardInterrupt",
    "empty": "",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_looks_as_under_python(name, python, ferraio_command):
    expected = python("-c", COMMANDS[name], "-x")
    assert ferraio_command("run", "-c", COMMANDS[name], "-x") == expected


def test_command_may_follow_its_option_without_a_space(python, ferraio_command):
    assert ferraio_command("run", "-cprint(1)") == python("-cprint(1)")


@pytest.mark.parametrize("name", COMMANDS)
def test_program_from_standard_input_looks_as_under_python(name, python, ferraio_command):
    expected = python("-", "a", stdin=COMMANDS[name] + "\n")
    assert ferraio_command("run", "-", "a", stdin=COMMANDS[name] + "\n") == expected
