"""Who takes part."""

from __future__ import annotations

import asyncio


class Student:
    def __init__(self, name: str) -> None:
        self.name = name

    async def write_home(self) -> None:
        await asyncio.sleep(0)


class Roster:
    def __init__(self, names: list[str]) -> None:
        self.students = [Student(name) for name in names]

    def names(self) -> list[str]:
        return [student.name for student in self.students]


async def find(roster: Roster, name: str) -> Student:
    await asyncio.sleep(0)
    return next(student for student in roster.students if student.name == name)
