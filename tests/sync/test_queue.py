"""Queue, LifoQueue and PriorityQueue: items from task to task."""

import asyncio
import collections
import gc
import sys
import weakref

import pytest

kinds = pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
since_313 = pytest.mark.skipif(sys.version_info < (3, 13), reason="shutdown() is new in 3.13")


async def settle():
    """Let everything run that can."""
    for _ in range(8):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("kind", "order"), [("Queue", [2, 1, 3]), ("LifoQueue", [3, 1, 2]), ("PriorityQueue", [1, 2, 3])]
)
def test_items_come_out_in_the_order_of_the_kind(run, kind, order):
    async def main():
        queue = getattr(asyncio, kind)()
        for item in (2, 1, 3):
            assert await queue.put(item) is None
        assert (queue.qsize(), queue.empty(), queue.full()) == (3, False, False)
        items = [await queue.get(), queue.get_nowait(), await queue.get()]
        return items, queue.empty()

    assert run(main) == (order, True)


@kinds
def test_a_full_queue_makes_producers_wait_in_order(run, kind):
    async def main():
        queue = getattr(asyncio, kind)(1)
        await queue.put(0)
        putting = [asyncio.create_task(queue.put(item)) for item in (1, 2)]
        await settle()
        state = queue.full(), queue.qsize(), len(queue._putters)
        items = [await queue.get() for _ in range(3)]
        await asyncio.gather(*putting)
        return state, items, queue.maxsize

    assert run(main) == ((True, 1, 2), [0, 1, 2], 1)


@kinds
def test_an_empty_queue_makes_consumers_wait_in_order(run, kind):
    async def main():
        queue = getattr(asyncio, kind)()
        getting = [asyncio.create_task(queue.get()) for _ in range(3)]
        await settle()
        waiting = len(queue._getters)
        for item in range(3):
            queue.put_nowait(item)
            await settle()
        return waiting, await asyncio.gather(*getting)

    assert run(main) == (3, [0, 1, 2])


@kinds
def test_nowait_says_when_it_would_have_to_wait(run, kind):
    async def main():
        queue = getattr(asyncio, kind)(1)
        with pytest.raises(asyncio.QueueEmpty) as empty:
            queue.get_nowait()
        queue.put_nowait(1)
        with pytest.raises(asyncio.QueueFull) as full:
            queue.put_nowait(item=2)
        return empty.value.args, full.value.args

    assert run(main) == ((), ())


def test_fifty_producers_and_consumers_lose_nothing(run):
    async def main():
        queue, got = asyncio.Queue(1), []

        async def produce(number):
            for item in range(20):
                await queue.put((number, item))

        async def consume():
            for _ in range(20):
                got.append(await queue.get())

        await asyncio.gather(*[produce(n) for n in range(50)], *[consume() for _ in range(50)])
        return got

    got = run(main)
    assert sorted(got) == [(number, item) for number in range(50) for item in range(20)]
    for number in range(50):
        assert [item for n, item in got if n == number] == list(range(20))


def test_one_who_is_cancelled_while_getting_leaves_the_line(run):
    async def main():
        queue = asyncio.Queue()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        left = len(queue._getters)
        await queue.put("item")
        return first.cancelled(), left, await second

    assert run(main) == (True, 1, "item")


def test_one_who_is_cancelled_after_being_woken_passes_the_item_on(run):
    async def main():
        queue = asyncio.Queue()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await settle()
        queue.put_nowait("item")
        first.cancel()
        await settle()
        return first.cancelled(), second.done() and second.result()

    assert run(main) == (True, "item")


def test_one_who_is_cancelled_after_being_woken_passes_the_room_on(run):
    async def main():
        queue = asyncio.Queue(1)
        queue.put_nowait(0)
        first, second = (asyncio.create_task(queue.put(item)) for item in (1, 2))
        await settle()
        queue.get_nowait()
        first.cancel()
        await settle()
        return first.cancelled(), second.done(), list(queue._queue), len(queue._putters)

    assert run(main) == (True, True, [2], 0)


def test_one_who_finds_the_item_gone_waits_again(run):
    async def main():
        queue = asyncio.Queue()
        getting = asyncio.create_task(queue.get())
        await settle()
        queue.put_nowait("first")
        taken = queue.get_nowait()
        await settle()
        waiting = not getting.done(), len(queue._getters)
        queue.put_nowait("second")
        return taken, waiting, await getting

    assert run(main) == ("first", (True, 1), "second")


def test_join_waits_until_all_is_done(run):
    async def main():
        queue = asyncio.Queue()
        await queue.join()
        for item in range(3):
            queue.put_nowait(item)
        joining = asyncio.create_task(queue.join())
        seen = []
        while not queue.empty():
            queue.get_nowait()
            await settle()
            seen.append(joining.done())
            queue.task_done()
        await joining
        queue.put_nowait("again")
        again = asyncio.create_task(queue.join())
        await settle()
        seen.append(again.done())
        queue.task_done()
        await again
        with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
            queue.task_done()
        return seen, queue._unfinished_tasks, queue._finished.is_set()

    assert run(main) == ([False, False, False, False], 0, True)


@since_313
@kinds
def test_a_queue_that_is_shut_down_gives_its_items_and_then_ends(run, kind):
    async def main():
        queue = getattr(asyncio, kind)(1)
        queue.put_nowait("item")
        putting = asyncio.create_task(queue.put("late"))
        await settle()
        queue.shutdown()
        endings = []
        for call in (lambda: putting, lambda: queue.put("later")):
            with pytest.raises(asyncio.QueueShutDown) as ending:
                await call()
            endings.append(ending.value.args)
        with pytest.raises(asyncio.QueueShutDown):
            queue.put_nowait("latest")
        assert await queue.get() == "item"
        with pytest.raises(asyncio.QueueShutDown):
            await queue.get()
        with pytest.raises(asyncio.QueueShutDown):
            queue.get_nowait()
        return endings, queue._is_shutdown

    assert run(main) == ([(), ()], True)


@since_313
def test_an_immediate_shutdown_wakes_those_who_wait(run):
    async def main():
        queue = asyncio.Queue()
        getting = asyncio.create_task(queue.get())
        await settle()
        queue.shutdown(immediate=True)
        with pytest.raises(asyncio.QueueShutDown):
            await getting
        await queue.join()

    run(main)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="shutdown() is new in 3.13")
def test_earlier_versions_know_no_shutdown(run):
    async def main():
        return hasattr(asyncio.Queue(), "_is_shutdown"), hasattr(asyncio.Queue, "shutdown")

    assert run(main) == (False, False)


def test_a_subclass_with_a_container_of_its_own(run):
    class Unique(asyncio.Queue):
        def _init(self, maxsize):
            self._queue = collections.OrderedDict()

        def _put(self, item):
            self._queue[item] = None

        def _get(self):
            return self._queue.popitem(last=False)[0]

    async def main():
        queue = Unique(2)
        for item in "aab":
            await queue.put(item)
        putting = asyncio.create_task(queue.put("c"))
        await settle()
        waiting = queue.full(), not putting.done()
        return waiting, [await queue.get() for _ in range(3)], queue.qsize()

    assert run(main) == ((True, True), ["a", "b", "c"], 0)


def test_a_subclass_that_only_watches_items_come_and_go(run):
    class Watched(asyncio.Queue):
        def _init(self, maxsize):
            super()._init(maxsize)
            self.seen = []

        def _put(self, item):
            self.seen.append(("put", item))
            super()._put(item)

        def _get(self):
            item = super()._get()
            self.seen.append(("get", item))
            return item

    async def main():
        queue = Watched()
        await queue.put(1)
        queue.put_nowait(2)
        await queue.get()
        queue.get_nowait()
        return queue.seen

    assert run(main) == [("put", 1), ("put", 2), ("get", 1), ("get", 2)]


def test_a_subclass_that_counts_its_room_in_another_way(run):
    class Weighted(asyncio.Queue):
        def qsize(self):
            return sum(self._queue)

    async def main():
        queue = Weighted(5)
        await queue.put(3)
        open_before = not queue.full()
        await queue.put(2)
        putting = asyncio.create_task(queue.put(1))
        await settle()
        return open_before, queue.full(), putting.done(), await queue.get(), await putting

    assert run(main) == (True, True, False, 3, None)


def test_a_subclass_that_overrides_the_nowait_methods(run):
    class Loud(asyncio.Queue):
        def put_nowait(self, item):
            super().put_nowait(("put", item))

        def get_nowait(self):
            return "got", super().get_nowait()

    async def main():
        queue = Loud()
        await queue.put(1)
        return await queue.get()

    assert run(main) == ("got", ("put", 1))


def test_a_subclass_may_begin_before_its_base(run):
    class Eager(asyncio.Queue):
        def __init__(self, name):
            self.name = name
            super().__init__(maxsize=2)
            self.put_nowait(name)

    async def main():
        queue = Eager("first")
        return await queue.get(), queue.maxsize

    assert run(main) == ("first", 2)


def test_what_a_test_patches_into_a_queue_is_called(run):
    async def main():
        queue, seen = asyncio.Queue(), []
        queue._put = seen.append
        await queue.put(1)
        queue.put_nowait(2)
        return seen, queue.qsize()

    assert run(main) == ([1, 2], 0)


def test_a_size_that_is_no_int_works_too(run):
    async def main():
        queue = asyncio.Queue(float("inf"))
        await queue.put(1)
        half = asyncio.Queue(1.5)
        await half.put(1)
        open_before = not half.full()
        await half.put(2)
        return queue.full(), queue.maxsize, open_before, half.full(), await queue.get()

    assert run(main) == (False, float("inf"), True, True, 1)


def test_an_item_that_cannot_be_compared_is_not_counted(run):
    async def main():
        queue = asyncio.PriorityQueue()
        await queue.put((1, object()))
        queue._queue.append((1, object()))
        with pytest.raises(TypeError):
            await queue.put((1, object()))
        return queue._unfinished_tasks

    assert run(main) == 1


def test_a_queue_belongs_to_the_loop_where_somebody_waited(new_loop):
    async def wait(queue):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 0.001)

    async def wait_again(queue):
        with pytest.raises(RuntimeError, match=r"is bound to a different event loop$"):
            await queue.get()

    queue = asyncio.Queue()
    new_loop().run_until_complete(wait(queue))
    new_loop().run_until_complete(wait_again(queue))


def test_the_repr_tells_the_state(run):
    async def main():
        queue = asyncio.Queue(1)
        queue.put_nowait("item")
        putting = asyncio.create_task(queue.put("other"))
        await settle()
        shown = str(queue)
        putting.cancel()
        return shown

    assert run(main) == "<Queue maxsize=1 _queue=['item'] _putters[1] tasks=1>"


def test_wrong_arguments_are_refused(run):
    async def main():
        queue = asyncio.Queue()
        for wrong in (lambda: queue.put(), lambda: queue.put_nowait(1, 2), lambda: asyncio.Queue(size=1)):
            with pytest.raises(TypeError):
                wrong()

    run(main)


def test_classes_are_related_and_generic_as_in_asyncio(run):
    async def main():
        assert issubclass(asyncio.LifoQueue, asyncio.Queue)
        assert issubclass(asyncio.PriorityQueue, asyncio.Queue)
        return str(asyncio.Queue[int]).endswith("Queue[int]")

    assert run(main)


def test_a_cycle_through_a_queue_is_collected(run):
    class Item:
        pass

    async def main():
        queue, item = asyncio.Queue(), Item()
        item.queue = queue
        queue.put_nowait(item)
        alive = weakref.ref(item)
        del queue, item
        gc.collect()
        return alive()

    assert run(main) is None


@pytest.mark.loop_kinds("ferraio", "asyncio")
@kinds
def test_our_queues_work_on_any_loop_without_install(run, kind):
    import ferraio

    async def main():
        queue = getattr(ferraio, kind)(1)
        putting = asyncio.gather(*[queue.put(item) for item in range(5)])
        items = [await queue.get() for _ in range(5)]
        await putting
        joining = asyncio.create_task(queue.join())
        for _ in items:
            queue.task_done()
        await joining
        return items

    assert run(main) == list(range(5))
