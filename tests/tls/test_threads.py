"""TLS in loops of several threads: the library that all of them use is looked for by whoever comes first."""

import subprocess
import sys

PROGRAM = """
import asyncio, ssl, sys, threading
import ferraio

wrap_bio, both_look = ssl.SSLContext.wrap_bio, threading.Barrier(2)

def wrap_bio_for_a_look(self, *args, **options):
    if not options:  # asyncio's own calls have some
        both_look.wait()
    return wrap_bio(self, *args, **options)

ssl.SSLContext.wrap_bio = wrap_bio_for_a_look
server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_context.load_cert_chain(sys.argv[1])
client_context = ssl.create_default_context(cafile=sys.argv[2])

async def greet(reader, writer):
    writer.write(b"hello")
    writer.close()

async def main():
    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context) as server:
        address = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address, ssl=client_context, server_hostname="localhost")
        sys.stdout.write(f"{await reader.read()}\\n")  # at once, or the other thread's comes between
        writer.close()

def run():
    with asyncio.Runner(loop_factory=ferraio.new_event_loop) as runner:
        runner.run(main())

threads = [threading.Thread(target=run) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_two_threads_may_look_for_the_library_at_the_same_time(authority, certificate, tmp_path):
    server, client = tmp_path / "server.pem", tmp_path / "client.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(server)
    authority.cert_pem.write_to_path(client)
    # Should they wait for each other, they do so for ever.
    command = [sys.executable, "-c", PROGRAM, server, client]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (child.stdout, child.stderr) == ("b'hello'\n" * 2, "")
