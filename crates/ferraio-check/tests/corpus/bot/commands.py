"""A bot without a single annotation, as most are."""

import asyncio
import random

from . import storage
from .storage import Storage, remember

commands = {}


def command(name):
    def register(function):
        commands[name] = function
        return function

    return register


class Channel:
    def __init__(self, name):
        self.name = name
        self.storage = Storage(name + ".db")
        self.members = []

    async def say(self, text):
        await asyncio.sleep(0.01 * len(text))

    def join(self, member):
        self.members.append(member)
        self.say("welcome " + member)  # mistake: FER001

    async def kick(self, member):
        if member in self.members:
            self.members.remove(member)
            self.storage.put(member, "kicked")  # mistake: FER001
            await self.storage.put(member, "kicked")
        return len(self.members)


@command("roll")
async def roll(channel, *arguments):
    sides = int(arguments[0]) if arguments else 6
    await channel.say(str(random.randint(1, sides)))


@command("help")
async def show_help(channel, *arguments):
    for name in sorted(commands):
        await channel.say(name)


async def dispatch(channel, line):
    name, *arguments = line.split()
    if name in commands:
        await commands[name](channel, *arguments)
    else:
        show_help(channel)  # mistake: FER001
    remember(line)
    storage.remember(line)
    await storage.flush_all()
    storage.flush_all()  # mistake: FER001


async def run_bot(lines):
    channel = Channel("lobby")
    general, other = Channel("general"), Channel("other")
    for line in lines:
        await dispatch(channel, line)
    channel.join("ann")
    channel.say("bye")  # mistake: FER001
    other.kick("ann")  # mistake: FER001
    left = general.kick("ann") + 1  # mistake: FER001
    speaking = [each.say("bye") for each in (general, other)]
    await asyncio.gather(*speaking)
    channel.storage.close()
    print(left, await channel.storage.get("ann"))
    with Storage("temporary.db") as temporary:
        temporary.put("a", "b")  # mistake: FER001
        await temporary.put("a", "b")


if __name__ == "__main__":
    asyncio.run(run_bot(["roll 6", "help"]))
