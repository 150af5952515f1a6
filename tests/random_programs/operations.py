"""The operations of a program, each a method that is named as in `generate`.

They note what they see in the interpreter that carries them out, and find there what they refer to by number.
"""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import sys

from .describe import describe, state_of
from .generate import FUTURES

# asyncio's own, whatever is installed later: the two generations have to get along in one loop.
OLD = {
    "sleep": asyncio.sleep,
    "gather": asyncio.gather,
    "TaskGroup": asyncio.TaskGroup,
    "timeout": asyncio.timeout,
    "Task": asyncio.Task,
    "Future": asyncio.Future,
    "Queue": asyncio.Queue,
    "Lock": asyncio.Lock,
    "Event": asyncio.Event,
}

variable = contextvars.ContextVar("variable", default=0)


class Leave(Exception):
    """A body ends here."""


class Operations:
    """What a body can do."""

    async def pause(self, label, generation, times):
        for _ in range(times):
            result = await self.new(generation, "sleep")(0, label)
        return result

    async def sleep(self, label, generation, delay):
        return await self.new(generation, "sleep")(delay, label)

    async def spawn(self, label, how, child, body):
        coro = self.traced(child, body)
        match how:
            case "loop":
                task = self.loop.create_task(coro)
            case "asyncio":
                task = asyncio.create_task(coro, name=f"named {child}")
            case "class":
                task = asyncio.Task(coro, loop=self.loop)
            case "ensure_future":
                task = asyncio.ensure_future(coro)
            case "context":
                task = self.loop.create_task(coro, context=contextvars.copy_context(), name=child)
            case "awaitable":
                task = asyncio.ensure_future(Wrapped(coro))
            case "eager" if sys.version_info >= (3, 12):
                task = asyncio.Task(coro, loop=self.loop, eager_start=True)
            case "subclass":
                task = subclass_of(asyncio.Task)(coro, loop=self.loop)
            case _:
                task = OLD["Task"](coro, loop=self.loop)
        self.adopt(child, task)

    async def attempt(self, label, body, handled, handler, after, finally_):
        try:
            await self.carry_out(label, body)
        except ERROR_CLASSES[handled] as error:
            self.note(label, "caught", describe(error))
            await self.carry_out(label, handler)
            if after == "raise":
                raise
            if after == "raise another":
                raise RuntimeError("another") from (error if label % 2 else None)
        finally:
            await self.carry_out(label, finally_)

    async def cancel(self, label, whom, number, message):
        task = asyncio.current_task() if whom == "self" else self.task(0 if whom == "parent" else number)
        return task.cancel() if message is None else task.cancel(message)

    async def uncancel(self, label):
        return asyncio.current_task().uncancel()

    async def await_task(self, label, number):
        if task := self.other_task(number):
            return await task

    async def gather(self, label, generation, bodies, tasks, return_exceptions, cancel_it):
        children = [self.traced(child, body) for child, body in bodies]
        children += [task for number in tasks if (task := self.other_task(number))]
        outer = self.new(generation, "gather")(*children, return_exceptions=return_exceptions)
        if cancel_it:
            self.note(label, "cancels its gather", outer.cancel("gathering"))
        results = await outer
        return [describe(result) for result in results]

    async def group(self, label, generation, bodies, own):
        group = self.new(generation, "TaskGroup")()
        group._abort = functools.partial(self.abort, group)
        async with group:
            for child, body in bodies:
                self.adopt(child, group.create_task(self.traced(child, body)))
            await self.carry_out(label, own)

    def abort(self, group):
        """Do as asyncio's method, but always in the same order: that of a set changes from run to run."""
        group._aborting = True
        for task in sorted(group._tasks, key=self.label_of):
            if not task.done():
                task.cancel()

    async def timeout(self, label, generation, delay, body, reschedule):
        async with self.new(generation, "timeout")(delay) as timeout:
            self.timeouts.append(timeout)
            if reschedule != "keep":
                timeout.reschedule(None if reschedule is None else self.loop.time() + reschedule)
            await self.carry_out(label, body)
        return timeout.expired()

    async def reschedule(self, label, delay):
        for timeout in self.timeouts[-1:]:
            try:
                timeout.reschedule(None if delay is None else self.loop.time() + delay)
            except RuntimeError as error:
                return describe(error)
            return [timeout.when(), timeout.expired(), repr(timeout)]

    async def in_thread(self, label, how, fails):
        def work():
            self.note(label, "works")
            return label

        if how == "run_in_executor":
            return await self.loop.run_in_executor(None, work)
        future = concurrent.futures.Future()
        wrapped = asyncio.wrap_future(future)
        if fails:
            self.loop.call_soon(future.set_exception, ValueError("in another thread"))
        else:
            self.loop.call_soon(future.set_result, label)
        try:
            return await wrapped
        finally:
            self.note(label, "wrapped", future.cancelled())

    async def interrupt(self, label, error, in_callback):
        def interrupt():
            raise ERROR_CLASSES[error](f"by {label}")

        if in_callback:
            self.loop.call_soon(interrupt)
        else:
            interrupt()

    async def wait(self, label, bodies, tasks, when, delay):
        awaited = [self.adopt(child, asyncio.create_task(self.traced(child, body))) for child, body in bodies]
        awaited += [task for number in tasks if (task := self.other_task(number))]
        if not awaited:
            return None
        done, pending = await asyncio.wait(awaited, timeout=delay, return_when=getattr(asyncio, when))
        for task in done:
            # asyncio asks some of them for their exceptions: which ones, depends on the order of a set
            task.cancelled() or task.exception()
        return [sorted(map(str, map(self.label_of, some))) for some in (done, pending)]

    async def wait_for(self, label, child, body, delay):
        return await asyncio.wait_for(self.traced(child, body), delay)

    async def wait_for_task(self, label, number, delay):
        if task := self.other_task(number):
            return await asyncio.wait_for(task, delay)

    async def as_completed(self, label, bodies, delay, stop_early):
        results = []
        # asyncio goes through a set of coroutines, in any order; tasks are labelled, so that order can be made sure.
        tasks = [self.adopt(child, asyncio.create_task(self.traced(child, body))) for child, body in bodies]
        for next_one in asyncio.as_completed(tasks, timeout=delay):
            try:
                results.append(await next_one)
            except (ValueError, LookupError, TimeoutError) as error:
                results.append(describe(error))
        return sorted(map(str, results))

    async def shield(self, label, child, body):
        return await asyncio.shield(self.adopt(child, self.loop.create_task(self.traced(child, body))))

    async def shield_task(self, label, number):
        if task := self.other_task(number):
            return await asyncio.shield(task)

    async def end_future(self, label, number, how, error):
        future = self.futures[number]
        try:
            match how:
                case "result":
                    future.set_result(label)
                case "exception":
                    future.set_exception(ERROR_CLASSES[error]("set"))
                case "cancel":
                    return future.cancel(f"by {label}")
                case "renew":
                    self.futures[number] = asyncio.Future() if label % 2 else OLD["Future"]()
        except asyncio.InvalidStateError as error:
            return describe(error)

    async def await_future(self, label, number, how):
        future = self.futures[number]
        if how == "shield":
            return await asyncio.shield(future)
        if how == "wrapped":
            return await Wrapped(future)
        return await future

    async def done_callback(self, label, what, number, how, key):
        future = self.futures[number] if what == "future" else self.task(number)
        if how == "remove":
            return [future.remove_done_callback(callback) for callback in list(self.callbacks.values())]

        def callback(done):
            self.note("callback", key, state_of(done), variable.get(), asyncio.current_task() is None)
            if how == "add failing":
                raise ValueError("callback")

        self.callbacks[key] = callback
        future.add_done_callback(callback)
        return len(future._callbacks or ())

    async def call(self, label, how, delay, effect, number, key, cancel_it):
        handle = None

        def callback(*arguments):
            self.note("called", key, arguments, variable.get(), asyncio.current_task() is None)
            match effect:
                case "fail":
                    raise ValueError("called")
                case "cancel itself":
                    handle.cancel()
                case "end a future":
                    future = self.futures[number % FUTURES]
                    if not future.done():
                        future.set_result(key)
                case "cancel a task":
                    self.note("called", self.task(number).cancel(key))
                case "call":
                    self.loop.call_soon(self.note, "called by", key)

        arguments = range(number % 4)
        match how:
            case "soon":
                handle = self.loop.call_soon(callback, *arguments)
            case "threadsafe":
                handle = self.loop.call_soon_threadsafe(callback, *arguments)
            case "later":
                handle = self.loop.call_later(delay, callback, *arguments)
            case "at":
                handle = self.loop.call_at(self.loop.time() + delay, callback, *arguments)
        if cancel_it:
            handle.cancel()

    async def fail(self, label, error):
        raise ERROR_CLASSES[error](label)

    async def use_queue(self, label, number, how, item):
        queue = self.queues[number]
        try:
            match how:
                case "put":
                    await queue.put(item)
                case "get":
                    return await queue.get()
                case "put_nowait":
                    queue.put_nowait(item)
                case "get_nowait":
                    return queue.get_nowait()
                case "get in time":
                    return await asyncio.wait_for(queue.get(), 1 + item / 1024)
                case "join":
                    await queue.join()
                case "task_done":
                    queue.task_done()
                case "shutdown" if sys.version_info >= (3, 13):
                    queue.shutdown(immediate=item < 5)
        except (asyncio.QueueEmpty, asyncio.QueueFull, ValueError, *SHUT_DOWN) as error:
            return describe(error)

    async def use_lock(self, label, which, body):
        async with self.locks[which]:
            await self.carry_out(label, body)

    async def use_event(self, label, number, how):
        event = self.occasions[number]
        if how == "wait":
            return await event.wait()
        getattr(event, how)()

    async def use_condition(self, label, how):
        async with self.condition:
            if how == "wait":
                return await self.condition.wait()
            getattr(self.condition, how)()

    async def context_variable(self, label, value):
        before = variable.get()
        variable.set(value)
        return before

    async def look(self, label):
        everybody = sorted(str(self.label_of(task)) for task in asyncio.all_tasks())
        return [everybody, [(self.label_of(task), state_of(task)) for task in self.tasks]]

    async def barrier(self, label):
        return await self.barrier_.wait()

    async def generator(self, label, before, after, leave_it):
        async def generate():
            try:
                await self.carry_out(label, before)
                yield 1
                await self.carry_out(label, after)
                yield 2
            finally:
                self.note(label, "generator ends")

        values = []
        async with contextlib.aclosing(generate()) as iterator:
            async for value in iterator:
                values.append(value)
                if leave_it:
                    break
        return values

    async def leave(self, label, value):
        raise Leave(value)


class Wrapped:
    """An awaitable written in Python."""

    def __init__(self, future):
        self.future = future

    def __await__(self):
        return (yield from self.future.__await__())


SHUT_DOWN = (asyncio.QueueShutDown,) if sys.version_info >= (3, 13) else ()

ERROR_CLASSES = {
    "Exception": Exception,
    "BaseException": BaseException,
    "ExceptionGroup": BaseExceptionGroup,
    "ValueError": ValueError,
    "LookupError": LookupError,
    "OSError": OSError,
    "CancelledError": asyncio.CancelledError,
    "StopAsyncIteration": StopAsyncIteration,
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": SystemExit,
}

_subclasses = {}


def subclass_of(task_class):
    """Return a subclass of a task class, the same for the same."""
    if task_class not in _subclasses:
        _subclasses[task_class] = type("Subclass", (task_class,), {})
    return _subclasses[task_class]
