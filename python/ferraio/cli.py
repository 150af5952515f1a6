"""The command ``ferraio``, also ``python -m ferraio``.

``run`` is the way programs start, so it is read by hand and imports little: what follows the program's name
belongs to the program, as with Python itself, and argparse would cost more than ferraio does. Everything else
is argparse's.
"""

from __future__ import annotations

import sys

#: How findings can look.
_FORMATS = ("full", "concise", "json")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import NoReturn


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says. An exit status other than 0 is raised as SystemExit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    match arguments:
        case ["run", *program]:
            _run(*_read_run(program))
        case ["rule", *rules]:
            _show_rules(rules)
        case ["demo", *rest]:
            from ferraio.demo import command

            command.main(rest)
        case ["check", *rest]:
            from ferraio import check

            sys.exit(check.main(rest))
        case _:
            _parser().parse_args(arguments)
            # Without an error and without asking for help one gets here with `repl` only.
            from ferraio import _repl

            _repl.interact()


def _show_rules(names: list[str]) -> None:
    """Print the pages of rules, by their codes or by the names that `ferraio check` has for them."""
    from ferraio import check
    from ferraio.diagnose import rules

    codes = {rule.name: rule.code for rule in rules.RULES.values()}
    rules.show([codes.get(name) or check.code_of(name) or name for name in names])


def _run(output_format: str | None, kind: str, program: str, arguments: list[str]) -> None:
    from ferraio import _diagnosing
    from ferraio._install import install_names

    install_names()
    try:
        observe = _diagnosing.observed_program(output_format)
    except ValueError as error:
        print(f"ferraio: {error}", file=sys.stderr)
        sys.exit(2)
    observe(_run_program, kind, program, arguments)


def _run_program(kind: str, program: str, arguments: list[str]) -> None:
    from ferraio import _before_run, _script

    match kind:
        case "-m":
            if (file := _before_run.module_file(program)) is not None:
                _before_run.tell(file)
            _script.run_module(program, arguments)
        case "-c":
            _script.run_command(program, arguments)
        case "-":
            _script.run_standard_input(arguments)
        case _:
            _before_run.tell(program)
            _script.run_file(program, arguments)


def _read_run(words: list[str]) -> tuple[str | None, str, str, list[str]]:
    """Tell the output format, if one is asked for, and what `_read_program` tells."""
    match words:
        case ["--output-format", form, *program]:
            pass
        case [option, *program] if option.startswith("--output-format="):
            form = option.partition("=")[2]
        case ["--output-format"]:
            _refuse_to_run("argument expected for the --output-format option")
        case _:
            return None, *_read_program(words)
    if form not in _FORMATS:
        _refuse_to_run(f"--output-format is one of {', '.join(_FORMATS)}, not {form!r}")
    return form, *_read_program(program)


def _read_program(words: list[str]) -> tuple[str, str, list[str]]:
    """Tell how the program is given (``-m``, ``-c``, ``-`` or ``script``), the program, and its arguments."""
    match words:
        case []:
            _refuse_to_run("a script, -m module, -c code or - is required")
        case ["-h" | "--help", *_]:
            _run_parser().print_help()
            sys.exit()
        case ["-", *arguments]:
            return "-", "-", arguments
        case ["-m" | "-c" as kind]:
            _refuse_to_run(f"argument expected for the {kind} option")
        case ["-m" | "-c" as kind, program, *arguments]:
            return kind, program, arguments
        case [option, *arguments] if option.startswith(("-m", "-c")):
            return option[:2], option[2:], arguments
        case [option, *_] if option.startswith("-"):
            _refuse_to_run(f"unknown option {option}; Python's own go before: python {option} -m ferraio run …")
        case [script, *arguments]:
            return "script", script, arguments
    raise AssertionError("each list is empty or begins with something")


def _refuse_to_run(reason: str) -> NoReturn:
    _run_parser().error(reason)


def _parser() -> ArgumentParser:
    import argparse

    from ferraio._ferraio import __version__

    parser = argparse.ArgumentParser(
        prog="ferraio",
        description="asyncio in Rust: run your program on it, unchanged.",
        epilog="Options of Python go before: python -X dev -m ferraio run script.py",
    )
    parser.add_argument("--version", action="version", version=f"ferraio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    commands.add_parser("run", help="run a Python program whose asyncio is ferraio", add_help=False)
    commands.add_parser("check", help="find the mistakes of async code before it runs", add_help=False)
    commands.add_parser("repl", help="an interactive console with top-level await")
    rule = commands.add_parser("rule", help="what a finding such as FER001 means, and what to do")
    rule.add_argument("code", nargs="*", help="the code; without one, all are listed")
    commands.add_parser("demo", help="an agent and a model server, on asyncio and on ferraio", add_help=False)
    return parser


def _run_parser() -> ArgumentParser:
    """Describe `ferraio run`, for help and errors; `_read_program` does the reading."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="ferraio run",
        usage="ferraio run [-h] [--output-format FORMAT] (script | -m module | -c code | -) [argument ...]",
        description="Run a program as Python would, with asyncio's names made ferraio's. On a terminal its mistakes "
        "are shown while they happen; the variable FERRAIO=hint|strict|log|off chooses.",
    )
    parser.add_argument("--output-format", choices=_FORMATS, help="how findings look; full on a terminal")
    parser.add_argument("script", help="a Python file, or a directory or zip file with a __main__.py")
    parser.add_argument("-m", metavar="module", help="a module or package on sys.path, as with python -m")
    parser.add_argument("-c", metavar="code", help="the program itself")
    parser.add_argument("-", dest="stdin", action="store_true", help="read the program from standard input")
    parser.add_argument("argument", nargs="*", help="everything after the program is its own")
    return parser
