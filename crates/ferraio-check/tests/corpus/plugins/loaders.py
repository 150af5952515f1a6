"""How plugins come in; the name that begins with an underscore stays here."""

import asyncio
import importlib
from types import ModuleType

plugins: dict[str, ModuleType] = {}


async def load(name: str) -> ModuleType:
    await asyncio.sleep(0)
    plugins[name] = importlib.import_module(name)
    return plugins[name]


async def reload(name: str) -> ModuleType:
    _forget(name)
    load(name)  # mistake: FER001
    return await load(name)


def _forget(name: str) -> None:
    plugins.pop(name, None)
