"""A lambda cannot await."""

# exit: 1
import asyncio

callback = lambda: await asyncio.sleep(1)  # noqa: E731  # FER003: a lambda cannot await
