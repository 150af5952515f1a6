"""Carries out a program of `generate` on a loop, and notes what happens and in which turn.

Time is counted in turns: a callback that schedules itself again advances the loop's clock by one for each turn, so the
loop never waits, and the same program finds the same timers due in the same turns wherever it runs. After so many turns
everything that is left over is cancelled.
"""

import asyncio
import concurrent.futures
import gc
import itertools
import weakref

from .describe import describe, state_of
from .generate import FUTURES
from .operations import OLD, Leave, Operations, variable

MOST_TURNS = 200


def trace(program, new_loop):
    """Run the program on a new loop, and return the list of what happened."""
    interpreter = Interpreter(new_loop())
    return interpreter.run(program)


class AtOnce(concurrent.futures.ThreadPoolExecutor):
    """An executor without threads, which would come back in any turn."""

    def submit(self, function, /, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


class Interpreter(Operations):
    """One run of one program."""

    def __init__(self, loop):
        self.loop = loop
        self.turn = 0
        self.events = []
        self.tasks = []
        self.callbacks = {}
        self.labels = {}
        self.order = weakref.WeakKeyDictionary()
        self.next_place = itertools.count()

    def note(self, *event):
        self.events.append((self.turn, *event))

    def run(self, program):
        loop = self.loop
        loop.time = lambda: float(self.turn)
        loop.set_default_executor(AtOnce())
        loop.set_exception_handler(self.note_report)
        asyncio.set_event_loop(loop)
        loop.call_soon(self.tick)
        gc.disable()  # whatever is garbage is found at the end
        gc.freeze()  # without a look at what is not of this program
        try:
            self.run_main(program)
            self.finish_tasks()
            orderly = len(self.events)
            self.drop_the_rest()
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            gc.collect()
            gc.unfreeze()
            gc.enable()
        # Garbage is collected in any order, and how a coroutine ends then depends on what was there before it.
        reports = [event for event in self.events[orderly:] if event[1] == "report"]
        return self.events[:orderly] + sorted(reports, key=repr)

    def run_main(self, program):
        main = self.loop.create_task(self.main(program))
        while not main.done():
            try:
                self.loop.run_until_complete(main)
                self.note("end")
            except BaseException as error:
                self.note("main ended with", describe(error))

    def run_turns(self):
        self.loop.call_soon(self.loop.stop)
        try:
            self.loop.run_forever()
        except (KeyboardInterrupt, SystemExit) as error:
            self.note("interrupted", describe(error))

    def drop_the_rest(self):
        """Leave what is left of the program to the garbage collector."""
        self.tasks.clear()
        self.callbacks.clear()
        self.futures = self.queues = self.locks = self.occasions = self.timeouts = None
        self.condition = self.barrier_ = None
        gc.collect()
        self.run_turns()

    def finish_tasks(self):
        """Let what is left of the program end."""
        loop = self.loop
        left = MOST_TURNS + 100
        while any(not task.done() for task in self.tasks) and self.turn < left:
            self.run_turns()
            if self.turn % 10 == 0:
                self.cancel_all()
        self.run_turns()
        loop.run_until_complete(loop.shutdown_asyncgens())
        for task in self.tasks:
            self.note("left", self.label_of(task), state_of(task))

    async def main(self, program):
        self.futures = [self.loop.create_future() for _ in range(FUTURES)]
        self.queues = [asyncio.Queue(), OLD["Queue"](1), asyncio.PriorityQueue(2)]
        self.locks = {"lock": asyncio.Lock(), "semaphore": asyncio.Semaphore(2), "old lock": OLD["Lock"]()}
        self.occasions = asyncio.Event(), OLD["Event"]()
        self.condition, self.barrier_ = asyncio.Condition(), asyncio.Barrier(2)
        self.timeouts = []
        self.adopt(0, asyncio.current_task())
        return await self.traced(0, program)

    def tick(self):
        self.turn += 1
        if self.turn >= MOST_TURNS and self.turn % 20 == 0:
            self.cancel_all()
        self.loop.call_soon(self.tick)

    def cancel_all(self):
        for task in self.tasks:
            task.cancel("too late")

    def note_report(self, loop, context):
        about = context.get("task") or context.get("future")
        self.note(
            "report",
            context["message"].split(" at 0x")[0] if "handle" not in context else "of a handle",
            sorted(context),
            describe(context.get("exception")),
            self.labels.get(id(about)),
        )

    # What operations refer to.

    def adopt(self, label, task):
        self.labels[id(task)] = label
        self.tasks.append(task)
        self.order.setdefault(task, next(self.next_place))
        return task

    def label_of(self, future):
        if future in self.futures if self.futures else False:
            return f"future {self.futures.index(future)}"
        return self.labels.get(id(future), "unknown")

    def task(self, number):
        return self.tasks[number % len(self.tasks)]

    def other_task(self, number):
        """A task that can be waited for: a later one, or they could wait for each other in a circle."""
        task = self.task(number)
        return task if self.order[task] > self.order[asyncio.current_task()] else None

    def new(self, generation, name):
        return OLD[name] if generation == "old" else getattr(asyncio, name)

    # Bodies.

    async def traced(self, label, body):
        current = asyncio.current_task()
        self.order.setdefault(current, next(self.next_place))
        self.note(label, "begins", variable.get(), current.cancelling())
        try:
            result = await self.carry_out(label, body)
            self.note(label, "returns", result)
            return result
        except BaseException as error:
            self.note(label, "fails", describe(error))
            raise

    async def carry_out(self, label, body):
        for name, *arguments in body:
            self.note(label, name, *[argument for argument in arguments if isinstance(argument, int | str)])
            try:
                result = await getattr(self, name)(label, *arguments)
            except Leave as leave:
                return leave.args[0]
            if result is not None:
                self.note(label, name, "gave", result)
        return label
