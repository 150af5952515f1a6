"""The marks, in memory."""

import asyncio
import time

book: dict[str, list[int]] = {}


async def record(name: str, mark: int) -> None:
    await asyncio.sleep(0)
    book.setdefault(name, []).append(mark)


def average() -> float:
    marks = [mark for each in book.values() for mark in each]
    return sum(marks) / len(marks)


def wait_for_printer() -> None:
    time.sleep(1)
