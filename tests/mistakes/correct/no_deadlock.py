"""Waiting for ever, as it seems, until somebody outside wakes the loop."""

import asyncio
import os
import signal
import socket
import threading


async def from_a_thread(queue):
    loop = asyncio.get_running_loop()
    threading.Timer(0.1, loop.call_soon_threadsafe, (queue.put_nowait, "item")).start()
    await queue.get()


async def from_a_signal(event):
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, event.set)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    await event.wait()
    loop.remove_signal_handler(signal.SIGUSR1)


async def from_a_socket():
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=near)
    threading.Timer(0.1, far.sendall, (b"line\n",)).start()
    await reader.readline()
    writer.close()
    await writer.wait_closed()
    far.close()


async def from_a_child():
    child = await asyncio.create_subprocess_exec("sleep", "0.1")
    await child.wait()


async def from_the_pool():
    await asyncio.gather(*(asyncio.to_thread(sum, range(10_000)) for _ in range(50)))


async def main():
    await from_a_thread(asyncio.Queue())
    await from_a_signal(asyncio.Event())
    await from_a_socket()
    await from_a_child()
    await from_the_pool()


asyncio.run(main())
