"""Future: states, results, callbacks, awaiting by hand, reprs, and what is refused."""

import asyncio
import contextvars
import pickle
import sys
import threading

import pytest
from turns import run_turns


@pytest.fixture(params=["create_future", "class", "subclass"])
def make(request, loop):
    """Makes futures of the loop, in one of three ways."""
    if request.param == "create_future":
        return loop.create_future
    future_class = asyncio.Future if request.param == "class" else type("Subclass", (asyncio.Future,), {})
    return lambda: future_class(loop=loop)


def test_a_future_begins_pending(make, loop):
    future = make()
    assert not future.done()
    assert not future.cancelled()
    assert future.get_loop() is loop
    with pytest.raises(asyncio.InvalidStateError, match=r"^Result is not set\.$"):
        future.result()
    with pytest.raises(asyncio.InvalidStateError, match=r"^Exception is not set\.$"):
        future.exception()
    future.cancel()


def test_a_result(make):
    future = make()
    assert future.set_result(7) is None
    assert future.done() and not future.cancelled()
    assert future.result() == future.result() == 7
    assert future.exception() is None


def test_an_exception(make):
    future, error = make(), LookupError("failed")
    assert future.set_exception(error) is None
    assert future.done() and not future.cancelled()
    assert future.exception() is error
    with pytest.raises(LookupError) as caught:
        future.result()
    assert caught.value is error


def test_an_exception_given_as_a_class(make):
    future = make()
    future.set_exception(LookupError)
    assert type(future.exception()) is LookupError


def test_a_cancellation(make):
    future = make()
    assert future.cancel() is True
    assert future.done() and future.cancelled()
    assert future.cancel() is False
    for ask in (future.result, future.exception):
        with pytest.raises(asyncio.CancelledError) as caught:
            ask()
        assert caught.value.args == ()


@pytest.mark.parametrize("message", ["text", "", 7, None, (1, 2)])
def test_the_message_of_a_cancellation(make, message):
    future = make()
    future.cancel(msg=message)
    assert future._cancel_message == message
    with pytest.raises(asyncio.CancelledError) as caught:
        future.result()
    assert caught.value.args == (() if message is None else (message,))


@pytest.mark.parametrize("end", ["set_result", "set_exception", "cancel"])
def test_it_ends_only_once(make, end):
    future = make()
    {"set_result": lambda: future.set_result(1), "cancel": future.cancel}.get(
        end, lambda: future.set_exception(LookupError())
    )()
    for again in (lambda: future.set_result(2), lambda: future.set_exception(ValueError())):
        with pytest.raises(asyncio.InvalidStateError, match=r"invalid state$|^FINISHED: |^CANCELLED: "):
            again()
    assert future.cancel() is False
    if end == "set_exception":
        future.exception()


@pytest.mark.parametrize("wrong", [7, "text", None, object, int])
def test_only_exceptions_can_be_set_as_exceptions(make, wrong):
    future = make()
    with pytest.raises(TypeError, match=r"^invalid exception object$|BaseException"):
        future.set_exception(wrong)
    assert not future.done()


@pytest.mark.parametrize("error", [StopIteration, StopIteration(7)])
def test_a_stop_iteration_cannot_be_raised_into_a_coroutine(make, loop, error):
    future = make()
    message = r"^StopIteration interacts badly with generators and cannot be raised into a Future$"
    pythons_own = asyncio.futures._PyFuture(loop=loop)
    try:
        pythons_own.set_exception(error)
    except TypeError:  # in 3.12 and before, depending on the patch release
        with pytest.raises(TypeError, match=message):
            future.set_exception(error)
        return
    pythons_own.exception()
    future.set_exception(error)
    with pytest.raises(RuntimeError, match=message) as caught:
        future.result()
    assert isinstance(caught.value.__cause__, StopIteration)


# Callbacks.


def test_callbacks_are_called_in_order_in_the_next_turn(make, loop):
    future, called = make(), []
    for number in range(5):
        future.add_done_callback(lambda done, number=number: called.append((number, done)))
    future.set_result(None)
    assert called == []
    run_turns(loop)
    assert called == [(number, future) for number in range(5)]


def test_a_callback_of_a_finished_future_is_called_in_the_next_turn(make, loop):
    future, called = make(), []
    future.set_result(None)
    future.add_done_callback(called.append)
    assert called == []
    run_turns(loop)
    assert called == [future]


@pytest.mark.parametrize("number", range(5))
def test_removing_callbacks(make, loop, number):
    future, called, other = make(), [], []
    for _ in range(number):
        future.add_done_callback(called.append)
    future.add_done_callback(other.append)
    assert future.remove_done_callback(called.append) == number
    assert future.remove_done_callback(called.append) == 0
    future.set_result(None)
    run_turns(loop)
    assert (called, other) == ([], [future])


def test_removing_compares_by_equality_which_may_do_anything(make, loop):
    future, called = make(), []

    class Callback:
        def __eq__(self, other):
            future.add_done_callback(called.append)
            raise LookupError("compared")

        def __call__(self, done):
            called.append("the callback")

    future.add_done_callback(Callback())
    future.add_done_callback(Callback())
    with pytest.raises(LookupError, match="compared"):
        future.remove_done_callback(print)
    future.set_result(None)
    run_turns(loop)
    assert called.count("the callback") == 2


def test_a_callback_runs_in_its_context(make, loop):
    variable, seen = contextvars.ContextVar("variable", default="default"), []

    def look(_):
        seen.append(variable.get())

    future = make()
    variable.set("when added")
    future.add_done_callback(look)
    context = contextvars.Context()
    context.run(variable.set, "of the given context")
    future.add_done_callback(look, context=context)
    variable.set("later")
    future.set_result(None)
    future.add_done_callback(look)
    run_turns(loop)
    assert seen == ["when added", "of the given context", "later"]


def test_a_callback_that_fails_is_reported(make, loop):
    future, called = make(), []
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(called.append)
    future.set_result(None)
    run_turns(loop)
    assert called == [future]
    assert isinstance(loop.reports[0]["exception"], ZeroDivisionError)


def test_a_callback_may_add_and_end_futures(make, loop):
    first, second, called = make(), make(), []
    first.add_done_callback(lambda _: second.set_result(None))
    second.add_done_callback(called.append)
    first.set_result(None)
    run_turns(loop)
    run_turns(loop)
    assert called == [second]


# Logging.


@pytest.mark.parametrize("look", ["exception", "result", "await", "nobody", "_log_traceback"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_nobody_asks_for_is_reported(make, loop, look, debug):
    loop.set_debug(debug)
    future, error = make(), LookupError("lost")
    future.set_exception(error)
    if look == "exception":
        future.exception()
    elif look == "result":
        with pytest.raises(LookupError):
            future.result()
    elif look == "await":
        with pytest.raises(LookupError):
            loop.run_until_complete(future)
    elif look == "_log_traceback":
        assert future._log_traceback is True
        future._log_traceback = False
    class_name = type(future).__name__
    error.__traceback__ = None
    del future
    if look != "nobody":
        assert loop.reports == []
        return
    (context,) = loop.reports
    where_it_was_made = {"source_traceback"} if debug else set()
    assert set(context) == {"message", "exception", "future"} | where_it_was_made
    assert context["exception"] is error
    assert context["message"] == f"{class_name} exception was never retrieved"


def test_log_traceback_can_only_be_taken_back(make):
    future = make()
    with pytest.raises(ValueError, match=r"^_log_traceback can only be set to False$"):
        future._log_traceback = True
    future._log_traceback = False


# Awaiting by hand.


def test_a_future_is_an_iterator_for_who_awaits_it(make):
    future = make()
    iterator = future.__await__()
    assert next(iterator) is future
    assert future._asyncio_future_blocking is True
    future._asyncio_future_blocking = False
    future.set_result("result")
    with pytest.raises(StopIteration) as stop:
        iterator.send(None)
    assert stop.value.value == "result"
    with pytest.raises(StopIteration):
        next(iterator)


def test_a_future_cannot_be_stepped_twice_while_it_is_pending(make):
    iterator = iter(make())
    next(iterator)
    with pytest.raises(RuntimeError, match=r"^await wasn't used with future$"):
        next(iterator)


def test_an_exception_can_be_thrown_in(make):
    iterator = make().__await__()
    next(iterator)
    with pytest.raises(LookupError, match="thrown"):
        iterator.throw(LookupError("thrown"))
    with pytest.raises((StopIteration, RuntimeError)):
        next(iterator)
    for wrong in (7, None):
        with pytest.raises(TypeError):
            make().__await__().throw(wrong)


def test_an_iterator_can_be_closed(make):
    iterator = make().__await__()
    next(iterator)
    assert iterator.close() is None
    with pytest.raises((StopIteration, RuntimeError)):
        next(iterator)


def test_a_result_that_is_an_exception_or_a_tuple_arrives_whole(make, loop):
    for result in (LookupError("as a result"), StopIteration(7), (1, 2), (), None, LookupError):
        future = make()
        loop.call_soon(future.set_result, result)

        async def wait(future):
            return await future, await future

        assert loop.run_until_complete(wait(future)) == (result, result)


def test_the_error_of_a_future_is_raised_again_for_each_who_awaits(make, loop):
    future, caught = make(), []

    async def wait():
        try:
            await future
        except LookupError as error:
            caught.append(error)

    tasks = [loop.create_task(wait()) for _ in range(3)]
    loop.call_soon(future.set_exception, LookupError("for all"))
    loop.run_until_complete(asyncio.wait(tasks))
    assert len(caught) == 3
    assert caught[0] is caught[1] is caught[2]


# Representations, and what is refused.


def test_the_repr(make, loop):
    loop.set_debug(False)
    name = type(make()).__name__
    future = make()
    assert repr(future) == f"<{name} pending>"
    future.add_done_callback(run_turns)
    assert repr(future).startswith(f"<{name} pending cb=[run_turns() at ")
    future.set_result("result")
    assert repr(future) == f"<{name} finished result='result'>"
    future = make()
    future.set_exception(LookupError("failed"))
    assert repr(future) == f"<{name} finished exception=LookupError('failed')>"
    future.exception()
    future = make()
    future.cancel()
    assert repr(future) == f"<{name} cancelled>"


def test_a_repr_that_refers_to_itself(make):
    future = make()
    future.set_result([future])
    assert "result=" in repr(future)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda future: future.set_result(),
        lambda future: future.set_result(1, 2),
        lambda future: future.set_exception(),
        lambda future: future.add_done_callback(),
        lambda future: future.add_done_callback(print, 1),
        lambda future: future.add_done_callback(print, unknown=1),
        lambda future: future.remove_done_callback(),
        lambda future: future.cancel(1, 2),
        lambda future: future.cancel(unknown=1),
        lambda future: future.result(1),
        lambda future: type(future)(1),
        lambda future: type(future)(unknown=1),
        lambda future: pickle.dumps(future),
        lambda future: len(future),
        lambda future: future.set_result(result=1, other=2),
    ],
)
def test_wrong_arguments_are_a_type_error(make, wrong):
    future = make()
    with pytest.raises(TypeError):
        wrong(future)
    assert not future.done()


@pytest.mark.parametrize("loop_argument", [7, "text", object()])
def test_what_is_no_loop_is_refused(loop_kind, loop_argument):
    with pytest.raises(AttributeError):
        asyncio.Future(loop=loop_argument)


@pytest.mark.parametrize("name", ["_state", "_loop", "_callbacks", "_result", "_exception"])
def test_what_is_read_only(make, name):
    with pytest.raises(AttributeError):
        setattr(make(), name, 7)


@pytest.mark.skipif(sys.version_info < (3, 14), reason="get_event_loop() makes none since Python 3.14")
def test_a_future_needs_a_loop(loop_kind):
    with pytest.raises(RuntimeError):
        asyncio.Future()


def test_a_future_before_init_is_refused(loop_kind):
    future = asyncio.Future.__new__(asyncio.Future)
    for use in (
        lambda: future.set_result(1),
        lambda: future.set_exception(LookupError()),
        lambda: future.cancel(),
        lambda: future.add_done_callback(print),
        lambda: future.remove_done_callback(print),
        lambda: future.get_loop(),
        lambda: future.__await__(),
        lambda: iter(future),
    ):
        with pytest.raises(RuntimeError, match=r"^Future object is not initialized\.$|^uninitialized Future object$"):
            use()
    assert future.done() in (False, True)


@pytest.mark.parametrize("name", ["_asyncio_future_blocking", "_cancel_message", "_log_traceback"])
def test_attributes_that_can_be_set_cannot_be_deleted(make, name):
    future = make()
    with pytest.raises((AttributeError, TypeError)):
        delattr(future, name)
    assert not future.done()


def test_the_parent_class_can_be_called_by_its_name(loop):
    class Subclass(asyncio.Future):
        def set_result(self, result):
            super().set_result(("of the subclass", result))

        def cancel(self, msg=None):
            return asyncio.Future.cancel(self, msg="of the subclass")

    future = Subclass(loop=loop)
    future.set_result(7)
    assert loop.run_until_complete(future) == ("of the subclass", 7)
    future = Subclass(loop=loop)
    future.cancel()
    with pytest.raises(asyncio.CancelledError, match="of the subclass"):
        future.result()


def test_methods_of_futures_are_refused_to_other_objects(loop_kind):
    for wrong in (7, None, object()):
        with pytest.raises(TypeError):
            asyncio.Future.done(wrong)
        with pytest.raises(TypeError):
            asyncio.Future.set_result(wrong, 7)
        with pytest.raises(TypeError):
            asyncio.Task.get_name(wrong)


# A loop that is closed, or run by another thread.


@pytest.mark.parametrize("end", ["set_result", "set_exception", "cancel"])
@pytest.mark.parametrize("waits", ["task", "callback", "gather", "nobody"])
def test_ending_a_future_of_a_closed_loop(make, loop, end, waits):
    async def wait(future):
        return await (asyncio.gather(future) if waits == "gather" else future)

    future = make()
    if waits == "callback":
        future.add_done_callback(print)
    elif waits != "nobody":
        task = loop.create_task(wait(future))
        task._log_destroy_pending = False
        run_turns(loop)
    loop.close()
    arguments = {"set_result": [1], "set_exception": [LookupError()]}.get(end, [])
    if waits == "nobody":
        getattr(future, end)(*arguments)
    else:
        with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
            getattr(future, end)(*arguments)
    assert future.done()
    if end == "set_exception":
        future.exception()


def test_debug_mode_refuses_another_thread_that_ends_a_future(new_loop):
    loop, errors = new_loop(), []
    loop.set_debug(True)
    loop.set_exception_handler(lambda *_: None)

    async def wait(future):
        await future

    async def main():
        for waits in ("task", "callback"):
            future = loop.create_future()
            if waits == "task":
                task = loop.create_task(wait(future))
                task._log_destroy_pending = False
                await asyncio.sleep(0)
            else:
                future.add_done_callback(print)

            def end(future=future):
                try:
                    future.set_result(1)
                except RuntimeError as error:
                    errors.append(str(error))

            thread = threading.Thread(target=end)
            thread.start()
            thread.join()

    loop.run_until_complete(main())
    message = "Non-thread-safe operation invoked on an event loop other than the current one"
    assert errors == [message, message]
