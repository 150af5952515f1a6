"""What goes over the network."""

import asyncio
from urllib.parse import urlsplit


async def fetch_page(url: str, attempts: int = 3) -> str:
    reader, writer = await asyncio.open_connection(urlsplit(url).hostname, 80)
    writer.write(f"GET {url}\r\n".encode())
    writer.drain()  # mistake: FER001
    body = await reader.read()
    writer.close()
    writer.wait_closed()  # mistake: FER001
    return body.decode()


async def fetch_robots(host: str) -> list[str]:
    page = await fetch_page(f"http://{host}/robots.txt")
    return page.splitlines()


async def fetch_title(url: str) -> str:
    return fetch_page(url).partition("<title>")[2]  # mistake: FER001
