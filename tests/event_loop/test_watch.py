"""add_reader and add_writer: who is told of which fd, and what becomes of fds that are closed behind our back."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

MOST_TURNS = 200


@pytest.fixture
def pair():
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    yield ends
    for end in ends:
        end.close()


def run_turns(loop, turns=MOST_TURNS, until=lambda: False):
    """Run so many turns without waiting, or until something is true."""
    for _ in range(turns):
        if until():
            break
        loop.call_soon(loop.stop)
        loop.run_forever()


def nothing(*_):
    pass


def test_a_reader_is_told_as_long_as_there_is_something_to_read(new_loop, pair):
    loop, ran = new_loop(), []
    loop.add_reader(pair[0], ran.append, "readable")
    run_turns(loop)
    assert ran == []

    pair[1].send(b"x")
    run_turns(loop, until=lambda: len(ran) >= 3)
    assert len(ran) >= 3

    pair[0].recv(10)
    run_turns(loop, 1)
    del ran[:]
    run_turns(loop)
    assert ran == []


def test_a_writer_is_told_as_long_as_there_is_room(new_loop, pair):
    loop, ran = new_loop(), []
    loop.add_writer(pair[0].fileno(), ran.append, "writable")
    run_turns(loop, until=lambda: len(ran) >= 2)
    assert len(ran) >= 2

    with pytest.raises(BlockingIOError):
        while True:
            pair[0].send(b"x" * 65536)
    run_turns(loop, 1)
    del ran[:]
    run_turns(loop)
    assert ran == []


def test_reading_and_writing_are_told_apart(new_loop, pair):
    loop, ran = new_loop(), []
    loop.add_reader(pair[0], ran.append, "readable")
    loop.add_writer(pair[0], ran.append, "writable")
    run_turns(loop, until=lambda: ran)
    assert set(ran) == {"writable"}
    pair[1].send(b"x")
    run_turns(loop, until=lambda: "readable" in ran)
    assert loop.remove_writer(pair[0])
    run_turns(loop, 1)
    del ran[:]
    run_turns(loop, until=lambda: ran)
    assert set(ran) == {"readable"}


def test_the_end_of_the_other_side_can_be_read(new_loop, pair):
    loop, ran = new_loop(), []
    loop.add_reader(pair[0], ran.append, 1)
    pair[1].close()
    run_turns(loop, until=lambda: ran)
    assert ran
    assert pair[0].recv(1) == b""


@pytest.mark.parametrize("kind", ["reader", "writer"])
def test_adding_again_replaces_the_callback(new_loop, pair, kind):
    loop, ran = new_loop(), []
    pair[1].send(b"x")
    add, remove = getattr(loop, f"add_{kind}"), getattr(loop, f"remove_{kind}")
    add(pair[0], ran.append, "first")
    add(pair[0], ran.append, "second")
    run_turns(loop, until=lambda: ran)
    assert set(ran) == {"second"}
    assert remove(pair[0]) is True
    assert remove(pair[0]) is False


def test_arguments_and_context_arrive(new_loop, pair):
    loop, ran = new_loop(), []
    pair[1].send(b"x")
    loop.add_reader(pair[0], lambda *arguments: ran.append(arguments), 1, 2, 3)
    run_turns(loop, until=lambda: ran)
    assert ran[0] == (1, 2, 3)


def test_a_removed_reader_is_not_told_any_more(new_loop, pair):
    loop, ran = new_loop(), []
    pair[1].send(b"x")
    loop.add_reader(pair[0], ran.append, 1)
    loop.remove_reader(pair[0])
    run_turns(loop)
    assert ran == []


def test_a_reader_removed_in_the_turn_that_would_run_it(new_loop):
    loop, ran = new_loop(), []
    pairs = [socket.socketpair() for _ in range(2)]

    def first_of(own, other):
        ran.append(own)
        loop.remove_reader(pairs[own][0])
        loop.remove_reader(pairs[other][0])

    for own, other in ((0, 1), (1, 0)):
        pairs[own][1].send(b"x")
        loop.add_reader(pairs[own][0], first_of, own, other)
    run_turns(loop)
    assert len(ran) == 1
    for ends in pairs:
        for end in ends:
            end.close()


def test_a_reader_removes_itself(new_loop, pair):
    loop, ran = new_loop(), []

    def once():
        ran.append(1)
        loop.remove_reader(pair[0])

    pair[1].send(b"x")
    loop.add_reader(pair[0], once)
    run_turns(loop)
    assert ran == [1]


def test_a_callback_that_raises_is_reported_and_stays(new_loop, pair):
    loop, reports = new_loop(), []
    loop.set_debug(False)
    loop.set_exception_handler(lambda _, context: reports.append(context))
    pair[1].send(b"x")
    loop.add_reader(pair[0], lambda: 1 / 0)
    run_turns(loop, until=lambda: len(reports) >= 2)
    assert len(reports) >= 2
    assert set(reports[0]) == {"message", "exception", "handle"}
    assert reports[0]["message"].startswith("Exception in callback test_a_callback_that_raises_is_reported_and_stays.")
    assert isinstance(reports[0]["exception"], ZeroDivisionError)


def test_a_cancelled_handle_is_not_told(new_loop, pair):
    loop, ran = new_loop(), []
    pair[1].send(b"x")
    handle = loop._add_reader(pair[0].fileno(), ran.append, 1)
    handle.cancel()
    run_turns(loop)
    assert ran == []


def test_a_number_that_is_given_out_again_belongs_to_its_new_owner(new_loop):
    loop, ran = new_loop(), []
    old = socket.socketpair()
    number = old[0].fileno()
    loop.add_reader(number, ran.append, "old")
    run_turns(loop)
    old[1].send(b"x")
    loop.remove_reader(number)
    for end in old:
        end.close()

    new = socket.socketpair()
    assert number in (new[0].fileno(), new[1].fileno())
    watched, peer = new if new[0].fileno() == number else new[::-1]
    loop.add_reader(watched, ran.append, "new")
    run_turns(loop)
    assert ran == []
    peer.send(b"x")
    run_turns(loop, until=lambda: ran)
    assert set(ran) == {"new"}
    loop.remove_reader(watched)
    for end in new:
        end.close()


def test_an_fd_closed_while_it_is_watched_does_no_harm(new_loop):
    loop, ran = new_loop(), []
    first = socket.socketpair()
    number = first[0].fileno()
    loop.add_reader(number, ran.append, "closed")
    run_turns(loop)
    for end in first:
        end.close()
    run_turns(loop)
    second = socket.socketpair()
    second[1].send(b"x")
    second[0].send(b"x")
    del ran[:]
    assert loop.remove_reader(number)
    watched = second[0]
    loop.add_reader(watched, ran.append, "second")
    run_turns(loop, until=lambda: ran)
    assert set(ran) == {"second"}
    assert loop.remove_reader(watched)
    for end in second:
        end.close()


@pytest.mark.parametrize("function", ["add_reader", "add_writer", "remove_reader", "remove_writer"])
@pytest.mark.parametrize(
    ("fd", "error"),
    [
        (-1, ValueError),
        ("text", ValueError),
        (None, ValueError),
        (1.5, ValueError),
        (object(), ValueError),
        (2**40, (ValueError, OverflowError, OSError)),
    ],
)
def test_what_is_no_fd_is_refused(new_loop, function, fd, error):
    arguments = [nothing] if function.startswith("add") else []
    with pytest.raises(error):
        assert getattr(new_loop(), function)(fd, *arguments) is False
        raise ValueError("removing what was never added may also return False")


@pytest.mark.parametrize("function", ["add_reader", "add_writer"])
def test_a_closed_fd_is_refused(new_loop, pair, function):
    loop, number = new_loop(), pair[0].fileno()
    pair[0].close()
    with pytest.raises(OSError) as caught:
        getattr(loop, function)(number, nothing)
    assert str(caught.value) == "[Errno 9] Bad file descriptor"
    assert loop.remove_reader(number) is False
    assert loop.remove_writer(number) is False
    run_turns(loop, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="epoll refuses regular files, kqueue takes them")
@pytest.mark.parametrize("function", ["add_reader", "add_writer"])
def test_a_regular_file_is_refused(new_loop, tmp_path, function):
    loop = new_loop()
    with (
        (tmp_path / "file").open("w") as file,
        pytest.raises(PermissionError, match=r"^.Errno 1. Operation not permitted$"),
    ):
        getattr(loop, function)(file, nothing)
    run_turns(loop, 3)


@pytest.mark.parametrize("arguments", [(), (0,)])
@pytest.mark.parametrize("function", ["add_reader", "add_writer"])
def test_missing_arguments_are_refused(new_loop, function, arguments):
    with pytest.raises(TypeError):
        getattr(new_loop(), function)(*arguments)


def test_an_object_with_fileno_stands_for_its_fd(new_loop, pair):
    loop, ran = new_loop(), []

    class Wrapper:
        def fileno(self):
            return pair[0].fileno()

    pair[1].send(b"x")
    loop.add_reader(Wrapper(), ran.append, 1)
    run_turns(loop, until=lambda: ran)
    assert ran
    assert loop.remove_reader(pair[0].fileno())


def test_an_fd_of_a_transport_is_refused(run):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        number = transport.get_extra_info("socket").fileno()
        for function, arguments in (
            (loop.add_reader, [nothing]),
            (loop.add_writer, [nothing]),
            (loop.remove_reader, []),
            (loop.remove_writer, []),
        ):
            with pytest.raises(RuntimeError, match=f"^File descriptor {number} is used by transport <"):
                function(number, *arguments)
        transport.abort()
        server.close()
        await server.wait_closed()

    run(main)


def test_closing_forgets_what_was_watched(new_loop, pair):
    loop = new_loop()
    loop.add_reader(pair[0], nothing)
    loop.close()
    assert loop.remove_reader(pair[0]) is False
    assert loop.remove_writer(pair[0]) is False


def test_many_fds(new_loop):
    loop, ran = new_loop(), set()
    pairs = [socket.socketpair() for _ in range(200)]
    for number, (reader, writer) in enumerate(pairs):
        loop.add_reader(reader, ran.add, number)
        writer.send(b"x")
    run_turns(loop, until=lambda: len(ran) == len(pairs))
    assert ran == set(range(len(pairs)))
    for reader, writer in pairs:
        assert loop.remove_reader(reader)
        reader.close()
        writer.close()


def test_pipes_are_watched_too(new_loop):
    loop, ran = new_loop(), []
    reader, writer = os.pipe()
    loop.add_reader(reader, ran.append, "readable")
    loop.add_writer(writer, ran.append, "writable")
    run_turns(loop, until=lambda: ran)
    assert set(ran) == {"writable"}
    loop.remove_writer(writer)
    os.close(writer)
    run_turns(loop, until=lambda: "readable" in ran)
    assert "readable" in ran
    loop.remove_reader(reader)
    os.close(reader)


FULL_FILE_TABLE = """
import gc, os, resource, sys, warnings
import {module} as home
warnings.simplefilter("ignore")
home.{name}().close()  # all that is imported late has been imported
before = len(os.listdir("/dev/fd"))
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
for spare in range(10):
    taken = [os.dup(0) for _ in range(3)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[-1] + 1 + spare, hard))
    try:
        home.{name}().close()
        print("made with", spare)
        break
    except OSError as error:
        print(error)
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        gc.collect()
print(len(os.listdir("/dev/fd")) - before)
"""


@pytest.mark.parametrize(("module", "name"), [("asyncio", "SelectorEventLoop"), ("ferraio", "new_event_loop")])
def test_a_full_file_table_is_an_oserror(module, name):
    program = FULL_FILE_TABLE.format(module=module, name=name)
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *errors, made, leaked = child.stdout.splitlines()
    assert errors[0] == "[Errno 24] Too many open files"
    assert set(errors) == {errors[0]}
    assert made.startswith("made with")
    assert leaked == "0"
    assert module == "asyncio" or child.stderr == ""  # asyncio complains of a loop half made
