"""A regular expression that tries everything, and holds the interpreter meanwhile."""

# settings: slow=0.05

import asyncio
import re


async def main():
    re.match(r"(a+)+$", "a" * 24 + "b")  # FER002: computing


asyncio.run(main())
