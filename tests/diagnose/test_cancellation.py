"""FER010 beyond the corpus in `tests/mistakes`."""

import asyncio

import pytest

pytestmark = pytest.mark.loop_kinds("ferraio", "installed")


def of_cancellations(found):
    return [finding for finding in found if finding.code == "FER010"]


def test_each_time_is_counted(diagnosing, run):
    found = diagnosing()

    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling() == 3:
                    raise

    async def main():
        task = asyncio.create_task(stubborn())
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task])

    run(main)
    messages = [finding.message for finding in of_cancellations(found)]
    assert ["after 2 requests" in message for message in messages] == [False, True]


def test_a_request_that_was_taken_back_is_not_swallowed(diagnosing, run):
    found = diagnosing()

    async def worker():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
        await asyncio.sleep(0)

    async def main():
        task = asyncio.create_task(worker())
        await asyncio.sleep(0)
        task.cancel()
        await task

    run(main)
    assert of_cancellations(found) == []


def test_queues_locks_and_conditions_pass_it_on(diagnosing, run):
    found = diagnosing()

    async def main():
        lock, condition, queue = asyncio.Lock(), asyncio.Condition(), asyncio.Queue()

        async def notified():
            async with condition:
                await condition.wait()

        await lock.acquire()
        waits = lock.acquire(), queue.get(), notified(), asyncio.wait_for(queue.get(), 10), asyncio.gather(queue.get())
        tasks = [asyncio.ensure_future(each) for each in waits]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run(main)
    assert of_cancellations(found) == []


def test_the_exits_of_scopes_are_given_back(diagnosing, run):
    import ferraio

    before = ferraio.Timeout.__aexit__, ferraio.TaskGroup.__aexit__
    diagnosing()
    assert ferraio.Timeout.__aexit__ is not before[0]
    from ferraio.diagnose import cancellation

    cancellation.stop()
    try:
        assert (ferraio.Timeout.__aexit__, ferraio.TaskGroup.__aexit__) == before
    finally:
        cancellation.start(None)
