"""A user of the stars."""

from plugins import *
from plugins import Writer as TextWriter
from plugins import formats as f


def hidden(value: object) -> str:
    return f"{value}"


async def main() -> None:
    load("json")  # mistake: FER001
    to_json([1])  # mistake: FER001
    to_text([1])
    hidden([1])
    f.hidden([1])  # mistake: FER001
    writer = TextWriter()
    writer.write(to_json([2]))  # mistake: FER001
    writer.flush()
    await writer.write(await to_json([2]))
    await reload("json")
