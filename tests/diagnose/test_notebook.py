"""Notebooks, as IPython runs them: here by a stand-in that has what we use of it."""

import asyncio
import sys
import types

import ferraio
import pytest
from ferraio.diagnose.forms import what_to_write
from ferraio.diagnose.source import find_call


class Shell:
    """Runs cells while a loop runs, and shows their errors."""

    def __init__(self):
        self.shown, self.handler = [], ((), None)

    def set_custom_exc(self, kinds, handler):
        self.handler = kinds, handler

    def showtraceback(self, error, tb_offset=None):
        self.shown.append(error[1])

    def run_cell(self, cell):
        async def kernel():
            try:
                cell()
            except Exception as error:
                kinds, handler = self.handler
                if isinstance(error, kinds):
                    handler(self, type(error), error, error.__traceback__, tb_offset=1)
                else:
                    self.showtraceback((type(error), error, error.__traceback__))

        asyncio.run(kernel())
        return self.shown[-1]


@pytest.fixture
def shell(monkeypatch):
    shell = Shell()
    module = types.ModuleType("IPython")
    module.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", module)
    # The frames of the kernel are the shell's own.
    monkeypatch.setattr("ferraio.diagnose.notebook.is_of_the_shell", lambda name: name == __name__)
    return shell


async def main():
    return 1


def cell_in(names, text):
    """Return a function that runs the text as a cell of a notebook."""
    code = compile(text, "<cell>", "exec")
    return lambda: exec(code, names)


@pytest.mark.parametrize("module", [asyncio, ferraio], ids=lambda module: module.__name__)
def test_running_a_loop_in_a_cell_is_explained(diagnosing, shell, module):
    diagnosing("hint")
    coroutine = main()
    error = shell.run_cell(cell_in({"run": module.run, "coroutine": coroutine}, "run(coroutine)"))
    coroutine.close()
    (note,) = error.__notes__
    assert "a notebook runs a loop of its own" in note
    assert "write `await main()`" in note


def test_a_function_of_a_cell_that_runs_a_loop_is_to_be_async(diagnosing, shell):
    diagnosing("hint")
    coroutine = main()
    cell = "def load():\n    run(coroutine)\nload()"
    error = shell.run_cell(cell_in({"run": asyncio.run, "coroutine": coroutine}, cell))
    coroutine.close()
    (note,) = error.__notes__
    assert "make it `async def load`" in note


def test_a_forgotten_await_in_a_cell_is_explained(diagnosing, shell):
    diagnosing("hint")
    error = shell.run_cell(cell_in({"main": main}, "x = main()\nx[0]"))
    assert error.__notes__[0].startswith("hint[FER009]")


def test_without_hints_the_shell_is_left_alone(diagnosing, shell):
    diagnosing("log")
    assert shell.handler == ((), None)


def test_in_a_cell_one_awaits_without_a_run(shell, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text("result = main()\nasyncio.run(main())\n")
    assert what_to_write(find_call(str(path), 1, "main")) == "write `result = await main()`"
    assert what_to_write(find_call(str(path), 2, "main")) == "write `await main()`"


def test_where_there_is_no_ipython_there_is_no_shell(monkeypatch):
    from ferraio.diagnose import notebook

    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert notebook.shell() is None
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    assert notebook.shell() is None
