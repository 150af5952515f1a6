"""`python -m benches.echo_floor EXTENSION STYLE [WHERE]`: `echo_floor.c` with the programs of `echo_server.py`."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

from benches import echo_server

PROGRAMS = {
    "protocol": echo_server.EchoProtocol,
    "protocol_cold": echo_server.EchoProtocol,
    "unix": echo_server.EchoProtocol,
    "streams": echo_server.echo_stream,
    "udp": echo_server.EchoDatagrams,
}
"""Who echoes, by style."""


def compiled(directory: str) -> str:
    """The extension, made for the running Python."""
    extension = f"{directory}/echo_floor.so"
    include = Path(sysconfig.get_path("include"))
    source = Path(__file__).with_name("echo_floor.c")
    # Debian's headers are in two folders.
    headers = [f"-I{include}", f"-I{include.parent}"]
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", *headers, source, "-o", extension], check=True)
    return extension


def main() -> None:
    extension, style, *where = sys.argv[1:]
    kept = [] if style == "protocol_cold" else echo_server.warm_allocator()
    spec = importlib.util.spec_from_file_location("echo_floor", extension)
    floor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(floor)
    floor.serve(PROGRAMS[style], style == "streams", *(where or [None]))
    del kept


if __name__ == "__main__":
    main()
