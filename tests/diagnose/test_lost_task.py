"""FER006 beyond the corpus in `tests/mistakes`: what is told, and that nothing else changes."""

import asyncio
import gc
import threading

import pytest

pytestmark = pytest.mark.loop_kinds("ferraio", "installed")


async def fail(error=None):
    raise error or ValueError("no")


def of_tasks(found):
    return [finding for finding in found if finding.code == "FER006"]


def test_the_line_that_started_it_and_the_line_that_raised_are_told(diagnosing, run):
    found = diagnosing()

    async def main():
        asyncio.create_task(fail(), name="background")
        await asyncio.sleep(0.01)

    run(main)
    (finding,) = of_tasks(found)
    assert finding.task == "background"
    assert finding.place.function.endswith("main")
    assert finding.related[0][0].function == "fail"


def test_asyncio_still_logs_what_it_logs(diagnosing, run, problems):
    diagnosing()

    async def main():
        problems.of_this_loop()
        asyncio.create_task(fail())
        await asyncio.sleep(0.01)
        gc.collect()

    run(main)
    assert problems.messages == ["Task exception was never retrieved"]


def test_who_looks_within_the_time_hears_nothing(diagnosing, run):
    found = diagnosing()

    async def main():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0.1)
        with pytest.raises(ValueError):
            await task

    run(main)
    assert of_tasks(found) == []


def test_one_that_is_kept_is_told_while_the_loop_only_waits(diagnosing, run):
    found = diagnosing()

    async def main():
        task = asyncio.create_task(fail())
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        threading.Timer(0.8, loop.call_soon_threadsafe, (done.set_result, None)).start()
        await done
        told = len(of_tasks(found))
        return told, task

    told, _ = run(main)
    assert told == 1


def test_one_that_was_told_and_dies_in_a_cycle_is_not_told_again(diagnosing, run, problems):
    found = diagnosing()

    async def main():
        problems.of_this_loop()
        task = asyncio.create_task(fail())
        task.cycle = [task]
        await asyncio.wait([task])

    run(main)  # it is told at the latest when the loop closes
    gc.collect()
    assert len(of_tasks(found)) == 1
    assert problems.messages == ["Task exception was never retrieved"]


def test_a_thousand_are_one_site(diagnosing, run, problems, capsys):
    found = diagnosing()

    async def main():
        problems.of_this_loop()
        for _ in range(1000):
            asyncio.create_task(fail())
            await asyncio.sleep(0)

    run(main)
    assert len(of_tasks(found)) == 1000
    assert capsys.readouterr().err.count("FER006") == 1


def test_an_exception_whose_text_fails_is_told_by_its_name(diagnosing, run):
    found = diagnosing()

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    async def main():
        asyncio.create_task(fail(Odd()))
        await asyncio.sleep(0.01)

    run(main)
    assert "failed with Odd, and" in of_tasks(found)[0].message


def test_a_cancelled_task_has_not_failed(diagnosing, run):
    found = diagnosing()

    async def main():
        task = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)

    run(main)
    assert of_tasks(found) == []
