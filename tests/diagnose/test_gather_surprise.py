"""FER008 beyond the corpus in `tests/mistakes`."""

import asyncio

import pytest

pytestmark = pytest.mark.loop_kinds("installed")


async def fail(text="no"):
    raise ValueError(text)


def of_gathers(found):
    return [finding for finding in found if finding.code == "FER008"]


def test_every_child_is_accounted_for(diagnosing, run):
    found = diagnosing()

    async def main():
        gate = asyncio.Event()

        async def wait_and_fail():
            await gate.wait()
            raise KeyError("second")

        other = asyncio.create_task(wait_and_fail())
        with pytest.raises(ValueError):
            await asyncio.gather(fail("first"), other, asyncio.sleep(0))
        gate.set()
        await asyncio.wait([other])
        await asyncio.sleep(0)

    run(main)
    (finding,) = of_gathers(found)
    assert "raised ValueError: first" in finding.message
    assert [note.split(", ", 2)[2] for note in finding.notes] == [
        "raised ValueError: first",
        "raised KeyError: 'second', which nobody sees",
        "returned a result, which nobody sees",
    ]


def test_children_that_end_in_the_same_turn_are_no_surprise(diagnosing, run):
    found = diagnosing()

    async def main():
        with pytest.raises(ValueError):
            await asyncio.gather(asyncio.sleep(0), fail())
        await asyncio.gather(fail(), fail(), return_exceptions=True)

    run(main)
    assert of_gathers(found) == []


def test_many_children_are_counted_and_not_listed(diagnosing, run):
    found = diagnosing()

    async def main():
        with pytest.raises(ValueError):
            await asyncio.gather(fail(), *(asyncio.sleep(0) for _ in range(100)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(main)
    (finding,) = of_gathers(found)
    assert len(finding.notes) == 11
