"""Makes random programs: trees of operations, for `interpret` to carry out.

A program is data, so that the same one can run on several loops, and be printed when they differ. An operation is a
tuple: its name, which is the name of a method of `Operations`, and what it is given. Bodies are tuples of operations.
Tasks, futures and primitives are referred to by number; the interpreter knows what is there.
"""

import random

FUTURES = 4
QUEUES = 3
LONGEST_DELAY = 12
ERRORS = ("ValueError", "LookupError", "OSError", "CancelledError", "StopAsyncIteration")


def make_program(seed, size=40):
    """Return the body of the main task of the program of that number, of about so many operations."""
    return _Generator(seed, size).body(depth=0)


class _Generator:
    def __init__(self, seed, size):
        self.random = random.Random(seed)
        self.left = size
        self.labels = 0
        self.times = 0
        makers = [
            (10, self.pause),
            (8, self.sleep),
            (8, self.spawn),
            (6, self.attempt),
            (5, self.cancel),
            (5, self.await_task),
            (5, self.gather),
            (5, self.group),
            (4, self.timeout),
            (4, self.wait),
            (4, self.wait_for),
            (3, self.as_completed),
            (3, self.shield),
            (4, self.end_future),
            (5, self.await_future),
            (3, self.done_callback),
            (3, self.call),
            (3, self.fail),
            (3, self.use_queue),
            (3, self.use_lock),
            (2, self.use_event),
            (2, self.use_condition),
            (2, self.context_variable),
            (2, self.look),
            (1, self.uncancel),
            (1, self.barrier),
            (1, self.generator),
            (1, self.leave),
            (1, self.interrupt),
            (1, self.reschedule),
            (1, self.in_thread),
        ]
        self.weights = [weight for weight, _ in makers]
        self.makers = [maker for _, maker in makers]

    def body(self, depth):
        operations = []
        for _ in range(self.random.randint(1, 7 if depth == 0 else 4)):
            if self.left <= 0:
                break
            self.left -= 1
            (maker,) = self.random.choices(self.makers, self.weights)
            operations.append(maker(depth + 1))
        return tuple(operations)

    def bodies(self, depth, most=3):
        return tuple((self.label(), self.body(depth)) for _ in range(self.random.randint(0, most)))

    def label(self):
        self.labels += 1
        return self.labels

    def chance(self, probability):
        return self.random.random() < probability

    def generation(self):
        """Choose the class that was there before ferraio was installed, or the one that is there now."""
        return self.random.choice(("old", "new", "new"))

    def delay(self):
        return self.random.choice((None, 0, 0, -1, self.turns()))

    def turns(self, least=1):
        """Choose a time: never the same twice, because asyncio runs timers that are due together in any order."""
        self.times += 1
        return self.random.randint(least, LONGEST_DELAY) + self.times / 1024

    def task(self):
        return self.random.randint(0, 12)

    def tasks(self):
        return tuple(self.task() for _ in range(self.random.randint(1, 3)))

    # One method for each operation.

    def pause(self, _):
        return "pause", self.generation(), self.random.choice((1, 1, 1, 2, 3))

    def sleep(self, _):
        return "sleep", self.generation(), self.random.choice((-1, 0, self.turns(), self.turns()))

    def spawn(self, depth):
        how = self.random.choice(
            (
                "loop",
                "asyncio",
                "asyncio",
                "class",
                "ensure_future",
                "eager",
                "subclass",
                "foreign",
                "context",
                "awaitable",
            )
        )
        return "spawn", how, self.label(), self.body(depth)

    def attempt(self, depth):
        handled = self.random.choice(("Exception", "BaseException", "CancelledError", "ExceptionGroup"))
        after = self.random.choice(("swallow", "raise", "raise another"))
        return (
            "attempt",
            self.body(depth),
            handled,
            self.body(depth),
            after,
            self.body(depth) if self.chance(0.4) else (),
        )

    def cancel(self, _):
        message = self.random.choice((None, None, "message", 7))
        return "cancel", self.random.choice(("task", "task", "task", "self", "parent")), self.task(), message

    def await_task(self, _):
        return "await_task", self.task()

    def gather(self, depth):
        tasks = self.tasks() if self.chance(0.3) else ()
        return "gather", self.generation(), self.bodies(depth), tasks, self.chance(0.4), self.chance(0.2)

    def group(self, depth):
        return "group", self.generation(), self.bodies(depth), self.body(depth)

    def timeout(self, depth):
        return (
            "timeout",
            self.generation(),
            self.delay(),
            self.body(depth),
            self.delay() if self.chance(0.2) else "keep",
        )

    def wait(self, depth):
        when = self.random.choice(("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"))
        return "wait", self.bodies(depth, 2), self.tasks(), when, self.delay()

    def wait_for(self, depth):
        if self.chance(0.5):
            return "wait_for_task", self.task(), self.delay()
        return "wait_for", self.label(), self.body(depth), self.delay()

    def as_completed(self, depth):
        return "as_completed", self.bodies(depth), self.delay(), self.chance(0.5)

    def shield(self, depth):
        if self.chance(0.5):
            return "shield_task", self.task()
        return "shield", self.label(), self.body(depth)

    def end_future(self, _):
        how = self.random.choice(("result", "result", "exception", "cancel", "renew"))
        return "end_future", self.random.randrange(FUTURES), how, self.random.choice(ERRORS)

    def await_future(self, _):
        return (
            "await_future",
            self.random.randrange(FUTURES),
            self.random.choice(("plain", "plain", "shield", "wrapped")),
        )

    def done_callback(self, _):
        what = self.random.choice(("future", "task"))
        how = self.random.choice(("add", "add", "add", "remove", "add failing"))
        return "done_callback", what, self.random.randrange(FUTURES), how, self.label()

    def call(self, _):
        how = self.random.choice(("soon", "soon", "later", "at", "threadsafe"))
        effect = self.random.choice(("nothing", "fail", "cancel itself", "end a future", "cancel a task", "call"))
        return "call", how, self.turns(least=-1), effect, self.task(), self.label(), self.chance(0.15)

    def fail(self, _):
        return "fail", self.random.choice(ERRORS)

    def use_queue(self, _):
        how = ("put", "get", "put", "get", "put_nowait", "get_nowait", "join", "task_done", "shutdown", "get in time")
        return "use_queue", self.random.randrange(QUEUES), self.random.choice(how), self.random.randint(0, 9)

    def use_lock(self, depth):
        return "use_lock", self.random.choice(("lock", "semaphore", "old lock")), self.body(depth)

    def use_event(self, _):
        return "use_event", self.random.randrange(2), self.random.choice(("wait", "wait", "set", "clear"))

    def use_condition(self, _):
        return "use_condition", self.random.choice(("wait", "notify", "notify_all"))

    def context_variable(self, _):
        return "context_variable", self.random.randint(0, 99)

    def look(self, _):
        return ("look",)

    def uncancel(self, _):
        return ("uncancel",)

    def barrier(self, _):
        return ("barrier",)

    def generator(self, depth):
        return "generator", self.body(depth), self.body(depth), self.chance(0.5)

    def interrupt(self, _):
        return "interrupt", self.random.choice(("KeyboardInterrupt", "SystemExit")), self.chance(0.5)

    def reschedule(self, _):
        return "reschedule", self.delay()

    def in_thread(self, _):
        return "in_thread", self.random.choice(("wrap_future", "run_in_executor")), self.chance(0.3)

    def leave(self, _):
        return "leave", self.random.randint(0, 9)
