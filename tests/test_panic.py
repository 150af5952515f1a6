"""A mistake of ferraio's own, in Rust: an exception in Python, never the end of the process."""

import asyncio

import pytest
from ferraio import _ferraio

pytestmark = pytest.mark.loop_kinds("ferraio", "installed")


def test_a_panic_is_an_exception():
    with pytest.raises(SystemError, match=r"^ferraio: internal error: nobody expects this$"):
        _ferraio._panic("nobody expects this")


def test_the_loop_goes_on_after_a_callback_that_panics(loop):
    done = []
    loop.call_soon(_ferraio._panic, "in a callback")
    loop.call_soon(done.append, "the next one")
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert done == ["the next one"]
    (report,) = loop.reports
    assert (type(report["exception"]), str(report["exception"])) == (
        SystemError,
        "ferraio: internal error: in a callback",
    )


def test_a_task_that_panics_fails_alone(run):
    async def panics():
        _ferraio._panic("in a task")

    async def main():
        return await asyncio.gather(panics(), asyncio.sleep(0, "fine"), return_exceptions=True)

    error, result = run(main)
    assert type(error) is SystemError
    assert result == "fine"
