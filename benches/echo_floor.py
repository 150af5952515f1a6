"""`python -m benches.echo_floor EXTENSION STYLE [WHERE]`: `echo_floor.c` with the programs of `echo_server.py`."""

import sys

from benches import echo_server, extension

PROGRAMS = {
    "protocol": echo_server.EchoProtocol,
    "protocol_cold": echo_server.EchoProtocol,
    "unix": echo_server.EchoProtocol,
    "streams": echo_server.echo_stream,
    "udp": echo_server.EchoDatagrams,
}
"""Who echoes, by style."""


def main() -> None:
    file, style, *where = sys.argv[1:]
    kept = [] if style == "protocol_cold" else echo_server.warm_allocator()
    extension.loaded(file).serve(PROGRAMS[style], style == "streams", *(where or [None]))
    del kept


if __name__ == "__main__":
    main()
