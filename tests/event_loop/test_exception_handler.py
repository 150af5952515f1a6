"""Errors of callbacks: what the exception handler is told, and what is logged without one."""

import contextvars
import logging
import sys


def nothing(*_):
    pass


def test_the_exception_handler_is_called_with_the_context(new_loop):
    loop, reports = new_loop(), []
    loop.set_exception_handler(lambda *arguments: reports.append(arguments))
    context = {"message": "said by the program"}
    loop.call_exception_handler(context)
    assert reports == [(loop, context)]
    assert loop.get_exception_handler() is not None
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


def test_without_a_handler_the_context_is_logged(new_loop, caplog):
    loop = new_loop()
    caplog.set_level(logging.ERROR, "asyncio")
    loop.call_exception_handler({"message": "it happened", "extra": 7})
    assert caplog.records[0].getMessage() == "it happened\nextra: 7"


def test_a_handler_that_fails_is_logged(new_loop, caplog):
    loop = new_loop()
    loop.set_debug(False)
    loop.set_exception_handler(lambda *_: 1 / 0)
    loop.call_soon(nothing, "too", "many")
    loop.call_soon("not callable")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert caplog.records[0].getMessage().startswith("Unhandled error in exception handler\ncontext: {'message'")


def test_the_handle_of_a_failed_callback_is_in_the_context(new_loop):
    loop, reports = new_loop(), []
    loop.set_debug(True)
    loop.set_exception_handler(lambda _, context: reports.append(context))

    def fail(argument):
        raise LookupError(argument)

    handle = loop.call_soon(fail, "argument")
    loop.call_soon(loop.stop)
    loop.run_forever()
    (context,) = reports
    assert set(context) == {"message", "exception", "handle", "source_traceback"}
    assert context["handle"] is handle
    assert context["message"].startswith(
        "Exception in callback test_the_handle_of_a_failed_callback_is_in_the_context."
    )
    assert f"fail('argument') at {__file__}:" in context["message"] or sys.version_info >= (3, 13)


def test_the_context_of_the_callback_is_that_of_the_handler(new_loop):
    loop, seen = new_loop(), []
    variable = contextvars.ContextVar("variable", default="outside")

    def fail():
        variable.set("inside")
        raise LookupError

    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    loop.call_soon(fail)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["inside"] if sys.version_info >= (3, 12) else seen in (["inside"], ["outside"])
