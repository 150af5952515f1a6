"""An asynchronous comprehension in a function that is not async."""

# exit: 1


def collect(rows):
    return [row async for row in rows]  # FER003: `collect` is not async
