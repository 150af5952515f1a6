"""Tests: unittest's and pytest's, with mocks and fixtures."""

from __future__ import annotations

import asyncio
import inspect
import unittest
from collections.abc import Awaitable, Callable
from unittest.mock import AsyncMock, MagicMock


class Mail:
    async def send(self, to: str) -> int:
        await asyncio.sleep(0)
        return len(to)


class MailTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.mail = Mail()
        self.mock = AsyncMock()
        self.plain = MagicMock()

    async def test_send(self) -> None:
        self.assertEqual(await self.mail.send("a"), 1)
        self.assertEqual(self.mail.send("a"), 1)  # mistake: FER001
        self.plain.send("a")

    async def test_nothing_is_sent(self) -> None:
        sending = self.mail.send("a")
        self.assertTrue(inspect.iscoroutine(sending))
        sending.close()
        self.mail.send("b")  # mistake: FER001

    async def test_error(self) -> None:
        with self.assertRaises(ValueError):
            await self.mail.send("")
        with self.assertRaises(ValueError):
            self.mail.send("")  # mistake: FER001

    def test_from_outside(self) -> None:
        self.assertEqual(asyncio.run(Mail().send("a")), 1)
        assert Mail().send("a") == 1  # mistake: FER001


async def call(function: Callable[[str], Awaitable[int] | int]) -> int:
    result = function("a")
    if inspect.isawaitable(result):
        return await result
    return result


async def test_call() -> None:
    mail = Mail()
    assert await call(mail.send) == 1
    assert await call(len) == 1
    call(mail.send)  # mistake: FER001
