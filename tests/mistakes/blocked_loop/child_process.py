"""Waiting for another program."""

# settings: slow=0.05

import asyncio
import subprocess


async def main():
    subprocess.run(["sleep", "0.3"])  # FER002: waiting for a child process


asyncio.run(main())
