"""Runs a program in this process, as ``python script.py``, ``-m module``, ``-c code`` and ``python -`` would.

The program gets a fresh ``__main__`` module, its own ``sys.argv`` and ``sys.path[0]``, so that pickling,
multiprocessing and everything that looks at these see what they see under Python itself. For modules,
directories and zip files Python calls ``runpy._run_module_as_main``; so do we.

Whatever the program raises goes on to the interpreter, which alone knows how to end a process: exit codes of
SystemExit, death by SIGINT after KeyboardInterrupt, status 120 when stdout breaks. Only the traceback needs
care. The interpreter hands it to `sys.excepthook` with all frames, ours too, so that we put a hook in front
at the last moment that cuts them off and steps aside.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import io
import linecache
import os
import pkgutil
import runpy
import sys
import textwrap
from types import CodeType, ModuleType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# The module that Python started with. Up to 3.13 the interpreter deletes `__file__` from its dict at the very
# end, through a pointer that it does not own: without this reference the dict would be gone by then.
_first_main = sys.modules["__main__"]


def run_file(script: str, arguments: list[str]) -> None:
    """Run a script, a compiled script, or a directory or zip file with a ``__main__.py``."""
    sys.argv = [script, *arguments]
    location = script if os.path.isabs(script) else os.path.join(os.getcwd(), script)
    main = _become_main()
    if pkgutil.get_importer(location) is not None:
        _set_first_path(location, always=True)
        _call(runpy._run_module_as_main, "__main__", False)  # type: ignore[attr-defined]
        return
    _set_first_path(os.path.dirname(os.path.realpath(location)))
    _call(_execute_file, main, location)


def run_module(name: str, arguments: list[str]) -> None:
    """Run a module, or the ``__main__`` of a package, found on ``sys.path``."""
    sys.argv = ["-m", *arguments]
    _become_main()
    _set_first_path(os.getcwd())
    _call(runpy._run_module_as_main, name)  # type: ignore[attr-defined]


def run_command(source: str, arguments: list[str]) -> None:
    """Run source code given on the command line."""
    sys.argv = ["-c", *arguments]
    main = _become_main()
    _set_first_path("")
    _call(_execute_command, main, source)


def run_standard_input(arguments: list[str]) -> None:
    """Run source code read from standard input up to its end."""
    sys.argv = ["-", *arguments]
    main = _become_main()
    _set_first_path("")
    _call(_execute_standard_input, main)


def _execute_file(main: ModuleType, location: str) -> None:
    loader: importlib.machinery.SourceFileLoader | importlib.machinery.SourcelessFileLoader
    try:
        with io.open_code(location) as file:
            source = file.read()
    except OSError as error:
        print(
            f"{sys.orig_argv[0]}: can't open file {location!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        sys.exit(2)
    if location.endswith(".pyc") or source.startswith(importlib.util.MAGIC_NUMBER):
        loader = importlib.machinery.SourcelessFileLoader("__main__", location)
        code = loader.get_code("__main__")
        assert code is not None, "only a module without code, such as a namespace, has None"
    else:
        loader = importlib.machinery.SourceFileLoader("__main__", location)
        try:
            code = _compile(source, location)
        except SyntaxError as error:
            if error.filename is None:
                # Of a null byte in bytes, unlike in a file, Python does not say where it is.
                error.filename, error.lineno = location, source.count(b"\n", 0, source.find(b"\0")) + 1
            raise
    _execute(main, code, file=location, loader=loader)


def _execute_command(main: ModuleType, source: str) -> None:
    if sys.version_info >= (3, 14):
        source = textwrap.dedent(source)
    code = _compile(source, "<string>")
    if sys.version_info >= (3, 13):
        # Tracebacks show the lines of the command. The first releases of 3.13 knew them by the name of the
        # file only.
        key = code if hasattr(linecache, "_interactive_cache") else "<string>"
        linecache._register_code(key, source, "<string>")  # type: ignore[attr-defined]
    exec(code, vars(main))


def _execute_standard_input(main: ModuleType) -> None:
    source = sys.stdin.buffer.read() if sys.stdin is not None else b""
    _execute(main, _compile(source, "<stdin>"), file="<stdin>")


def _execute(main: ModuleType, code: CodeType, *, file: str, loader: object = None) -> None:
    main.__file__ = file
    if loader is not None:
        main.__loader__ = loader  # type: ignore[assignment]
    if sys.version_info < (3, 15):
        main.__cached__ = None  # type: ignore[attr-defined]
    exec(code, vars(main))


def _compile(source: bytes | str, filename: str) -> CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


def _become_main() -> ModuleType:
    """Put a new ``__main__`` into sys.modules, with the attributes that Python gives it, and return it."""
    main = ModuleType("__main__")
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    main.__loader__ = importlib.machinery.BuiltinImporter  # type: ignore[assignment]
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def _set_first_path(place: str, *, always: bool = False) -> None:
    """Put `place` in front of sys.path, instead of what Python had put there to find us.

    With ``python -P`` and the like Python puts nothing there; but a directory or zip file that is run is
    `always` there.
    """
    if not sys.flags.safe_path:
        del sys.path[0]
    if always or not sys.flags.safe_path:
        sys.path.insert(0, place)


def _call(enter: Callable[..., object], *arguments: object) -> None:
    """Call `enter`; should that raise, the traceback that Python prints begins with the program's frames."""
    try:
        enter(*arguments)
    except SystemExit:
        raise
    except BaseException as error:
        _print_from_the_program_on(error)
        raise


def _print_from_the_program_on(error: BaseException) -> None:
    """Let the interpreter print the error, which is on its way out, without the frames above the program."""
    traceback = _without_outer_frames(error.__traceback__)
    in_front_of = getattr(sys, "excepthook", None)

    def hook(kind: type[BaseException], value: BaseException, shown: TracebackType | None) -> None:
        sys.excepthook = in_front_of  # type: ignore[assignment]
        if value is error:
            shown = sys.last_traceback = value.__traceback__ = traceback
        _call_hook(in_front_of, kind, value, shown)

    sys.excepthook = hook


def _without_outer_frames(traceback: TracebackType | None) -> TracebackType | None:
    ours = (globals(), vars(runpy))
    while traceback is not None and any(traceback.tb_frame.f_globals is module for module in ours):
        traceback = traceback.tb_next
    return traceback


def _call_hook(
    hook: Callable[..., object] | None,
    kind: type[BaseException],
    value: BaseException,
    shown: TracebackType | None,
) -> None:
    """Call the program's `sys.excepthook`, and if it is broken say so in the interpreter's words."""
    if hook is None:
        print("sys.excepthook is missing", file=sys.stderr)
        sys.__excepthook__(kind, value, shown)
        return
    try:
        hook(kind, value, shown)
    except SystemExit:
        raise
    except BaseException as failure:
        failure.__traceback__ = _without_outer_frames(failure.__traceback__)
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(kind, value, shown)
