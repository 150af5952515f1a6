"""The newer syntax: type parameters, type aliases, match, exception groups."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

type Handler[T] = Callable[[T], Awaitable[None]]


@dataclass(slots=True)
class Box[T]:
    content: T

    async def open(self) -> T:
        await asyncio.sleep(0)
        return self.content

    def peek(self) -> T:
        return self.content


@dataclass
class Text:
    body: str

    async def save(self) -> str:
        await asyncio.sleep(0)
        return self.body


async def first[T](boxes: list[Box[T]]) -> T:
    return await boxes[0].open()


async def notify[T](handlers: list[Handler[T]], value: T) -> None:
    for handler in handlers:
        handler(value)  # mistake: FER001
    for handler in handlers:
        await handler(value)


async def open_all(boxes: list[Box[Text]]) -> None:
    for box in boxes:
        box.open()  # mistake: FER001
        box.peek()
        box.peek().save()  # mistake: FER001
        text = await box.open()
        text.save()  # mistake: FER001
        await text.save()
    (await first(boxes)).save()  # mistake: FER001
    match boxes:
        case [Box(content=Text(body="a")) as one, *_]:
            one.open()  # mistake: FER001
        case [one]:
            await one.open()
    try:
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(boxes[0].open())
    except* ValueError as errors:
        print(errors.exceptions)
        boxes[0].content.save()  # mistake: FER001
    else:
        opening.result().save()  # mistake: FER001
