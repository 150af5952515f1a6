"""Signals: handlers of the loop, handlers of Python, and Ctrl-C.

The signals are raised by the process itself, in a callback, or by a thread while the loop waits.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest


@pytest.fixture(autouse=True)
def handlers_are_put_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    assert signal.set_wakeup_fd(-1) == -1


def test_a_handler_of_the_loop_is_called(new_loop):
    loop, ran = new_loop(), []

    def handler(*arguments):
        ran.append(arguments)
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, handler, 1, 2)
    loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    loop.run_forever()
    assert ran == [(1, 2)]
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False
    loop.close()


def test_a_signal_between_adding_the_handler_and_running_the_loop_is_not_lost(new_loop):
    loop = new_loop()
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    signal.raise_signal(signal.SIGUSR1)
    loop.run_forever()
    loop.close()


@pytest.mark.parametrize("send", [lambda number: os.kill(os.getpid(), number), signal.raise_signal])
def test_a_signal_ends_the_wait(new_loop, send):
    loop = new_loop()
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    thread = threading.Thread(target=send, args=[signal.SIGUSR1])
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    loop.close()


def test_each_signal_has_its_own_handler(new_loop):
    loop, ran = new_loop(), []
    loop.add_signal_handler(signal.SIGUSR1, ran.append, "first")
    loop.add_signal_handler(signal.SIGUSR2, lambda: (ran.append("second"), loop.stop()))
    loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    loop.call_soon(signal.raise_signal, signal.SIGUSR2)
    loop.run_forever()
    assert ran == ["first", "second"]
    loop.close()


def test_adding_again_replaces_the_handler(new_loop):
    loop, ran = new_loop(), []
    loop.add_signal_handler(signal.SIGUSR1, ran.append, "first")
    loop.add_signal_handler(signal.SIGUSR1, lambda: (ran.append("second"), loop.stop()))
    loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    loop.run_forever()
    assert ran == ["second"]
    assert loop._signal_handlers[signal.SIGUSR1]._callback is not None
    loop.close()


def test_closing_puts_the_handlers_back(new_loop):
    loop = new_loop()
    before = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    loop.add_signal_handler(signal.SIGINT, loop.stop)
    assert signal.getsignal(signal.SIGUSR1) != before[0]
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((signal.SIGKILL, print), RuntimeError),
        ((0, print), ValueError),
        ((1000, print), ValueError),
        (("text", print), TypeError),
        ((signal.SIGUSR1,), TypeError),
    ],
)
def test_what_is_no_signal_is_refused(new_loop, arguments, error):
    loop = new_loop()
    with pytest.raises(error):
        loop.add_signal_handler(*arguments)
    loop.close()


def test_coroutines_are_no_handlers(new_loop):
    async def coroutine():
        pass

    loop = new_loop()
    with pytest.raises(TypeError, match=r"^coroutines cannot be used with add_signal_handler"):
        loop.add_signal_handler(signal.SIGUSR1, coroutine)
    loop.close()


def test_handlers_belong_to_the_main_thread(loop_factory):
    errors = []

    def add():
        loop = loop_factory()
        try:
            loop.add_signal_handler(signal.SIGUSR1, print)
        except (RuntimeError, ValueError) as error:
            errors.append(str(error))
        finally:
            loop.close()

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert "main thread" in errors[0]


def test_a_handler_of_python_may_stop_the_loop(new_loop):
    loop = new_loop()
    signal.signal(signal.SIGUSR1, lambda *_: loop.stop())
    loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    loop.call_later(3600, print)
    loop.run_forever()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exception_of_a_python_handler_stops_the_loop_that_waits(new_loop, error):
    loop, handled = new_loop(), threading.Event()

    def handler(*_):
        if not handled.is_set():
            handled.set()
            raise error("from the handler")

    def send():
        # the signal that comes right before the loop waits is not noticed by asyncio: another one is
        while not handled.wait(0.001):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=send)
    loop.call_soon(thread.start)
    with pytest.raises(error, match="from the handler"):
        loop.run_forever()
    thread.join()
    assert not loop.is_running()


def test_an_exception_of_a_python_handler_in_a_callback_is_the_callbacks(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))

    def handler(*_):
        raise LookupError("from the handler")

    signal.signal(signal.SIGUSR1, handler)
    loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert [str(error) for error in reports] == ["from the handler"]


# Ctrl-C.


def test_the_first_interrupt_cancels_the_main_task(loop_factory):
    seen = []

    async def main():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append(asyncio.current_task().cancelling())
            raise

    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == [1]


def test_an_interrupt_while_the_loop_waits(loop_factory):
    seen = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, signal.raise_signal, signal.SIGINT)
        try:
            await loop.create_future()
        finally:
            seen.append("cleaned up")

    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["cleaned up"]


def test_the_second_interrupt_raises_at_once(loop_factory):
    seen = []

    async def main():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("first")
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                seen.append("second")
                raise

    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen == ["first", "second"]


def test_a_task_may_survive_the_interrupt(loop_factory):
    async def main():
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return asyncio.current_task().uncancel()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(main()) == 0
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_of_a_busy_loop(loop_factory):
    turns = []

    async def main():
        while True:
            turns.append(1)
            if len(turns) == 10:
                signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)

    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(turns) == 10


def test_an_interrupt_without_a_runner_leaves_the_loop_usable(new_loop):
    loop = new_loop()

    async def main():
        signal.raise_signal(signal.SIGINT)

    task = loop.create_task(main())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    assert isinstance(task.exception(), KeyboardInterrupt)
    assert not loop.is_running()
    assert loop.run_until_complete(asyncio.sleep(0, "usable")) == "usable"


def test_an_interrupt_in_a_child_task_reaches_the_caller(loop_factory):
    async def child():
        raise KeyboardInterrupt("of the child")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # nobody asks for the child's result
        await asyncio.gather(child(), asyncio.sleep(3600))

    with pytest.raises(KeyboardInterrupt, match="of the child"), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


SIGCHLD_PROGRAM = """
import asyncio, signal, sys
{prepare}
async def main():
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, woken.set)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import os, signal; os.kill(os.getppid(), signal.SIGUSR1); print('child')",
        stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    await woken.wait()
    print(output.decode().strip(), child.returncode)
asyncio.run(main())
"""


@pytest.mark.parametrize("prepare", ["", "import ferraio; ferraio.install()"])
def test_signals_of_a_child_process(prepare):
    program = SIGCHLD_PROGRAM.format(prepare=prepare)
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (child.stdout, child.returncode) == ("child 0\n", 0), child.stderr
