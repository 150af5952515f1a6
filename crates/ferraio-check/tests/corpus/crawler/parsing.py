"""What is done with a page; `links_of` only computes, `store_links` writes."""

import asyncio
import re


def links_of(page: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', page)


async def store_links(links: list[str], into: list[str]) -> int:
    await asyncio.sleep(0)
    into.extend(links)
    return len(links)
