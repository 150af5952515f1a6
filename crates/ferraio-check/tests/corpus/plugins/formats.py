"""What a plugin can write; `__all__` decides what the star takes along."""

import asyncio

__all__ = ["Writer", "to_json", "to_text"]


async def to_json(value: object) -> str:
    await asyncio.sleep(0)
    return repr(value)


def to_text(value: object) -> str:
    return str(value)


async def hidden(value: object) -> str:
    await asyncio.sleep(0)
    return str(value)


class Writer:
    async def write(self, text: str) -> int:
        await asyncio.sleep(0)
        return len(text)

    def flush(self) -> None:
        print("flushed")
