"""Instances that are called, partial functions, methods taken from classes."""

from __future__ import annotations

import asyncio
from enum import Enum
from functools import partial, partialmethod
from typing import NamedTuple


class Move:
    async def __call__(self, steps: int) -> int:
        await asyncio.sleep(0)
        return steps

    def undo(self) -> None:
        print("undone")


class Direction(Enum):
    LEFT = "left"
    RIGHT = "right"

    async def turn(self) -> None:
        await asyncio.sleep(0)


class Position(NamedTuple):
    x: int
    y: int

    async def mark(self) -> None:
        await asyncio.sleep(0)


class Robot:
    def __init__(self) -> None:
        self.move = Move()
        self.at = Position(0, 0)

    async def walk(self, steps: int, fast: bool = False) -> Position:
        await self.move(steps)
        self.move(steps)  # mistake: FER001
        self.move.undo()
        return self.at

    run = partialmethod(walk, fast=True)


async def main() -> None:
    robot = Robot()
    step = partial(robot.walk, 1)
    step()  # mistake: FER001
    await step()
    Move()(3)  # mistake: FER001
    await Move()(3)
    Direction.LEFT.turn()  # mistake: FER001
    await Direction.RIGHT.turn()
    Position(1, 2).mark()  # mistake: FER001
    robot.at.mark()  # mistake: FER001
    x, y = robot.walk(2)  # mistake: FER001
    x, y = await robot.walk(2)
    Robot.walk(robot, x + y)  # mistake: FER001
    await Robot.walk(robot, x)
    partial(robot.walk, 2)()  # mistake: FER001
    walks = [partial(robot.walk, steps) for steps in range(3)]
    await asyncio.gather(*(walk() for walk in walks))
    await robot.run(3)


asyncio.run(main())
