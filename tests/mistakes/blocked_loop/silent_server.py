"""A request to a server that takes its time, with a client that is not async."""

# settings: slow=0.05

import asyncio
import contextlib
import socket
import threading
import time
import urllib.request


def serve(listening):
    connection, _ = listening.accept()
    with connection:
        time.sleep(0.4)


async def main():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,)).start()
        with contextlib.suppress(ConnectionError):
            urllib.request.urlopen(f"http://127.0.0.1:{listening.getsockname()[1]}/")  # FER002: reading from a socket


# What `urlopen` would do at first: reading certificates takes so long that it blocks by itself.
urllib.request.install_opener(urllib.request.build_opener())
asyncio.run(main())
