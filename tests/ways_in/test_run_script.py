"""`ferraio run script.py` shows what `python script.py` shows: output, errors, tracebacks, exit status."""

import os

import pytest

# Each of these runs under Python and under ferraio, and must look the same from outside.
PROGRAMS = {
    "prints": "print('hello')",
    "nothing": "",
    "arguments": "import sys; print(sys.argv, sys.path)",
    "main_module": """\
        '''The doc string.'''
        seen = dict(globals())
        for name in sorted(seen):
            print(name, seen[name])
        import __main__, sys
        print(__main__ is sys.modules['__main__'], vars(__main__) is globals())
        """,
    "future_imports_of_ours_stay_ours": "def f(x: undefined): pass\nprint(f.__annotations__)",
    "own_future_import": """\
        from __future__ import annotations
        def f(x: undefined): pass
        print(f.__annotations__)
        """,
    "pickles_its_functions": """\
        import pickle
        def f(): return 7
        class C: pass
        print(pickle.loads(pickle.dumps(f))(), type(pickle.loads(pickle.dumps(C()))) is C)
        """,
    "spawns_processes": """\
        import multiprocessing
        def double(x): return 2 * x
        if __name__ == '__main__':
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                print(pool.map(double, [1, 2, 3]))
        """,
    "forkserver": """\
        import multiprocessing
        def show(): print(__name__, flush=True)
        if __name__ == '__main__':
            child = multiprocessing.get_context('forkserver').Process(target=show)
            child.start(); child.join(); print(child.exitcode)
        """,
    "reads_its_source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))",
    "reads_input": "print(input(), input())",
    "flags": "import sys, faulthandler; print(sys.flags, sys._xoptions, faulthandler.is_enabled())",
    "hooks_untouched": "import sys; print(sys.excepthook is sys.__excepthook__, sys.displayhook)",
    "signal_handlers": "import signal; print([signal.getsignal(s) for s in (signal.SIGINT, signal.SIGPIPE)])",
    "raises": "def f():\n    1 / 0\ndef g():\n    f()\ng()",
    "raises_chained": """\
        try:
            {}['x']
        except KeyError as error:
            try:
                raise ValueError('second') from error
            except ValueError:
                raise TypeError('third')
        """,
    "raises_group": "raise ExceptionGroup('several', [ValueError(1), ExceptionGroup('in', [KeyError(2)])])",
    "raises_with_notes": "error = ValueError('x')\nerror.add_note('a note')\nraise error",
    "raises_without_text": "class Quiet(Exception): pass\nraise Quiet",
    "raises_generator_exit": "raise GeneratorExit('x')",
    "raises_through_library": "import json\njson.loads('{')",
    "raises_through_exec": "exec(compile('1/0', 'inner.py', 'exec'))",
    "raises_through_runpy": "import runpy\nrunpy.run_module('failing')",
    "suggests_names": "import collections\ncollections.namedtupel",
    "missing_import": "import nowhere_to_be_found",
    "import_with_wrong_syntax": "import wrong_syntax",
    "syntax_error": "x = 1\nprint(x y)\n",
    "syntax_error_unclosed": "print((1, 2\nx = 3\n",
    "syntax_error_after_compile": "def f():\n    return 1\nreturn 2\n",
    "indentation_error": "if True:\nprint(1)\n",
    "tab_error": "if True:\n        x = 1\n\ty = 2\n",
    "syntax_warning": "x = '\\d'\nprint(1 is 1)\n",
    "deprecation_warning": "import warnings; warnings.warn('old', DeprecationWarning); print('on')",
    "latin_1": "# coding: latin-1\nprint('h\xe9')\n".encode("latin-1"),
    "byte_order_mark": b"\xef\xbb\xbfprint('x')\n",
    "carriage_returns": b"x = 1\r\nprint(x)\r\n1/0\r\n",
    "no_newline_at_end": b"if 1:\n    print(1)",
    "exit_nothing": "import sys; sys.exit()",
    "exit_number": "import sys; sys.exit(3)",
    "exit_negative": "import sys; sys.exit(-1)",
    "exit_beyond_a_byte": "import sys; sys.exit(259)",
    "exit_true": "import sys; sys.exit(True)",
    "exit_text": "raise SystemExit('good bye')",
    "exit_object": "raise SystemExit([1, 2])",
    "exit_subclass": "class Leave(SystemExit): code = 9\nraise Leave",
    "exit_at_once": "import os; os._exit(5)",
    "exit_in_finally": "import sys\ntry:\n    1/0\nfinally:\n    sys.exit(6)",
    "keyboard_interrupt": "def f():\n    raise KeyboardInterrupt\nf()",
    "keyboard_interrupt_subclass": "class Stop(KeyboardInterrupt): pass\nraise Stop('now')",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "own_excepthook": """\
        import sys
        def hook(kind, error, traceback):
            print('hook', kind, error, traceback.tb_frame.f_code.co_name, traceback.tb_lineno)
            print(traceback.tb_next, error.__traceback__ is traceback)
        sys.excepthook = hook
        1/0
        """,
    "excepthook_stays_after_the_end": """\
        import atexit, sys
        def hook(*_): print('hook')
        sys.excepthook = hook
        atexit.register(lambda: print(sys.excepthook is hook))
        1/0
        """,
    "broken_excepthook": "import sys\ndef hook(*_):\n    {}['x']\nsys.excepthook = hook\n1/0",
    "excepthook_of_wrong_type": "import sys\nsys.excepthook = 5\n1/0",
    "excepthook_that_exits": "import sys\nsys.excepthook = lambda *_: sys.exit(7)\n1/0",
    "excepthook_for_keyboard_interrupt": """\
        import sys
        sys.excepthook = lambda *arguments: print(arguments[:2])
        raise KeyboardInterrupt
        """,
    "last_traceback": """\
        import atexit, sys, traceback
        atexit.register(lambda: traceback.print_tb(sys.last_traceback, file=sys.stdout))
        atexit.register(lambda: print(sys.last_type, repr(sys.last_value)))
        1/0
        """,
    "raises_at_exit": "import atexit\natexit.register(lambda: 1/0)\nprint('end')",
    "thread_outlives_main": """\
        import threading
        def work():
            threading.main_thread().join()
            print('the main thread has ended')
        threading.Thread(target=work).start()
        1/0
        """,
    "raises_in_thread": """\
        import threading
        def f(): 1/0
        thread = threading.Thread(target=f, name='thread')
        thread.start()
        thread.join()
        """,
    "raises_in_destructor": "class C:\n    def __del__(self): 1/0\nC()\nprint('on')",
    "globals_at_the_end": "class C:\n    def __del__(self): print('gone', __name__)\nc = C()",
}
FILES = {
    "failing.py": "def f():\n    raise ValueError('from failing')\nf()\n",
    "wrong_syntax.py": "def f(:\n    pass\n",
}


def dedent(source):
    """Take away the indentation of the first line, from all lines."""
    if isinstance(source, bytes):
        return source
    lines = source.split("\n")
    width = len(lines[0]) - len(lines[0].lstrip(" "))
    return "\n".join(line[width:] if line[:width].isspace() else line for line in lines)


@pytest.mark.parametrize("name", PROGRAMS)
def test_script_looks_as_under_python(name, python, ferraio_command, write):
    write("script.py", dedent(PROGRAMS[name]))
    for file, source in FILES.items():
        write(file, source)
    expected = python("script.py", "-x", "run", "--help", stdin="one\ntwo\n")
    assert ferraio_command("run", "script.py", "-x", "run", "--help", stdin="one\ntwo\n") == expected


# Python reads these from a file and complains in other words than about the same bytes in memory, which we
# have.
UNREADABLE = {
    "null_byte": (b"x = 1\nprint('a\0b')\n", "null byte", ", line 2\n"),
    "unknown_encoding": (b"# coding: no-such-coding\nprint(1)\n", "no-such-coding", "script.py"),
    "not_utf_8": (b"x = 1\nprint('h\xe9')\n", "script.py", ", line 2\n"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_source_is_a_syntax_error_that_says_where(name, ferraio_command, write):
    source, *expected = UNREADABLE[name]
    write("script.py", source)
    outcome = ferraio_command("run", "script.py")
    assert (outcome.status, outcome.output) == (1, "")
    assert outcome.errors.splitlines()[-1].startswith("SyntaxError: ")
    assert "Traceback" not in outcome.errors
    for words in expected:
        assert words in outcome.errors


@pytest.mark.parametrize(
    "name",
    [
        "main_module",
        "arguments",
        "flags",
        "raises_chained",
        "syntax_error",
        "exit_text",
        "keyboard_interrupt",
    ],
)
@pytest.mark.parametrize("flags", ["", "-X dev", "-O", "-P", "-W error -u", "-X utf8 -B"])
def test_flags_of_python_reach_the_script(name, flags, python, write):
    write("script.py", dedent(PROGRAMS[name]))
    flags = flags.split()
    expected = python(*flags, "script.py", "a")
    assert python(*flags, "-m", "ferraio", "run", "script.py", "a") == expected


@pytest.mark.parametrize(
    "path", ["./script.py", "folder/../script.py", "folder/other.py", "absolute", "link.py", "folder/link.py"]
)
def test_script_is_found_and_named_as_python_does(path, python, ferraio_command, write, tmp_path):
    show = "import sys, neighbour; print(sys.argv, sys.path, __file__, __loader__.path)\n1/0"
    write("script.py", show)
    write("folder/other.py", show)
    write("neighbour.py", "print('beside the script')")
    write("folder/neighbour.py", "print('in the folder')")
    (tmp_path / "link.py").symlink_to("folder/other.py")
    (tmp_path / "folder" / "link.py").symlink_to(tmp_path / "script.py")
    path = str(tmp_path / "script.py") if path == "absolute" else path
    assert ferraio_command("run", path, "x") == python(path, "x")


@pytest.mark.parametrize("path", ["missing.py", "missing/script.py", "script.py/inside.py", "it's.py"])
def test_missing_script_is_reported_in_the_words_of_python(path, python, ferraio_command, write):
    write("script.py", "")
    outcome = ferraio_command("run", path)
    assert outcome == python(path)
    assert outcome.status == 2


def test_compiled_script_runs(python, ferraio_command, write):
    write("script.py", "print(__file__, type(__loader__), globals().get('__cached__', 'none'))\n1/0")
    compiled = python("-c", "import py_compile; py_compile.compile('script.py', 'script.pyc')")
    assert compiled.status == 0
    assert ferraio_command("run", "script.pyc") == python("script.pyc")


@pytest.mark.parametrize("program", ["folder", "folder/", "program.zip", "program.pyz", "empty"])
def test_directory_and_zip_run_their_main(program, python, ferraio_command, write, tmp_path):
    show = "import sys, beside\nprint(sys.argv, sys.path, __name__, __file__, __spec__, __package__)\nbeside.fail()\n"
    write("folder/__main__.py", show)
    write("folder/beside.py", "def fail():\n    raise LookupError('beside')\n")
    (tmp_path / "empty").mkdir()
    files = ("folder/__main__.py", "folder/beside.py")
    assert python("-m", "zipfile", "-c", "program.zip", *files).status == 0
    zipped = (tmp_path / "program.zip").read_bytes()
    (tmp_path / "program.pyz").write_bytes(b"#!/usr/bin/env python3\n" + zipped)
    expected = python(program, "a").without_frames_of("<frozen runpy>")
    assert ferraio_command("run", program, "a") == expected


@pytest.mark.parametrize("source", ["print('x')", "print('x')\nraise SystemExit(4)", "print('x', flush=1)"])
def test_broken_pipe_at_the_end_is_reported_as_by_python(source, python, ferraio_command, write):
    write("script.py", source)

    def into_a_closed_pipe(launcher, *arguments):
        reader, writer = os.pipe()
        os.close(reader)
        outcome = launcher(*arguments, stdout=writer)
        os.close(writer)
        return outcome

    assert into_a_closed_pipe(ferraio_command, "run", "script.py") == into_a_closed_pipe(python, "script.py")
