"""The crawl itself, with the names as the package exports them."""

import asyncio

import crawler
from crawler import fetch, links_of
from crawler import store_links as store

from . import fetching


async def crawl(start: str, found: list[str]) -> None:
    page = await fetch(start)
    store(links_of(page), found)  # mistake: FER001
    links_of(page)
    for line in crawler.fetch_robots("example.org"):  # mistake: FER001
        print(line)
    for line in await crawler.fetch_robots("example.org"):
        print(line)
    first, second = fetch(start), fetching.fetch_page(start)
    print(await first, await second)
    fetching.fetch_page(start)  # mistake: FER001
    pages = [fetch(link) for link in links_of(page)]
    for task in asyncio.as_completed(pages):
        await store(links_of(await task), found)


def crawl_all(starts: list[str]) -> list[str]:
    found: list[str] = []

    async def every() -> None:
        for start in starts:
            await crawl(start, found)
        crawl(starts[0], found)  # mistake: FER001

    asyncio.run(every())  # mistake: FER101
    return found
