"""The request parser, fed with bytes: however they are cut, the requests are the same."""

import pytest
from ferraio.demo.request_parser import LARGEST_BODY, LARGEST_HEAD, BadRequest, RequestParser

COUNTED = b"POST /a?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Two: a\r\nx-two: b\r\n\r\nhello"
CHUNKED = (
    b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nfir\r\nA;name=value\r\nst and 2nd\r\n0\r\nTrailer: t\r\n\r\n"
)
BARE = b"\r\nGET http://h:80/c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def requests_of(*pieces):
    parser = RequestParser()
    found = []
    for piece in pieces:
        parser.feed(piece)
        while (request := parser.next_request()) is not None:
            found.append((request.method, request.path, request.body))
    assert parser.buffered == 0
    return found


EXPECTED = [("POST", "/a", b"hello"), ("POST", "/b", b"first and 2nd"), ("GET", "/c", b"")]


def test_pipelined_requests_come_one_by_one():
    assert requests_of(COUNTED + CHUNKED + BARE) == EXPECTED


def test_requests_survive_being_sent_byte_by_byte():
    stream = COUNTED + CHUNKED + BARE
    assert requests_of(*[stream[at : at + 1] for at in range(len(stream))]) == EXPECTED


def test_requests_survive_every_cut_in_two():
    stream = COUNTED + CHUNKED + BARE
    for at in range(len(stream)):
        assert requests_of(stream[:at], stream[at:]) == EXPECTED, at


def read(data):
    parser = RequestParser()
    parser.feed(data)
    return parser.next_request()


def test_header_names_do_not_mind_case_and_repeated_headers_are_joined():
    assert read(COUNTED).headers["x-two"] == "a, b"


@pytest.mark.parametrize(
    ("request_line", "connection", "kept"),
    [("GET / HTTP/1.1", "x", True), ("GET / HTTP/1.1", "TE, Close", False), ("GET / HTTP/1.0", "x", False)],
)
def test_a_connection_is_kept_unless_somebody_wants_it_closed(request_line, connection, kept):
    request = read(f"{request_line}\r\nHost: h\r\nConnection: {connection}\r\n\r\n".encode())
    assert request.keep_alive is kept


def test_the_wish_to_continue_is_told_once():
    parser = RequestParser()
    parser.feed(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert parser.next_request() is None
    assert parser.take_wish_to_continue()
    assert not parser.take_wish_to_continue()
    parser.feed(b"x")
    assert parser.next_request().body == b"x"


HOST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKS = HOST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: h\n\n", 400),
        (b"\nGET / HTTP/1.1", 400),
        (HOST + b"No colon\r\n\r\n", 400),
        (HOST + b"Space : before colon\r\n\r\n", 400),
        (HOST + b"A: b\r\n folded\r\n\r\n", 400),
        (HOST + b"A: null\x00\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (HOST + b"Content-Length: five\r\n\r\n", 400),
        (HOST + b"Content-Length: -1\r\n\r\n", 400),
        (HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HOST + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1), 413),
        (HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (CHUNKS + b"%x\r\n" % (LARGEST_BODY + 1), 413),
        (CHUNKS + b"1\r\na\r\n%x\r\n" % LARGEST_BODY, 413),
        (CHUNKS + b"zz\r\n", 400),
        (CHUNKS + b"3\r\nabcdef", 400),
        (CHUNKS + b"1" * 5000, 400),
        (CHUNKS + b"0\r\n" + b"a: b\r\n" * LARGEST_HEAD, 431),
        (HOST + b"A: " + b"a" * LARGEST_HEAD, 431),
        (HOST + b"A: " + b"a" * LARGEST_HEAD + b"\r\n\r\n", 431),
    ],
)
def test_what_is_malformed_or_too_large_is_refused(data, status):
    with pytest.raises(BadRequest) as refusal:
        read(data)
    assert refusal.value.status == status


def test_leading_zeros_of_a_length_do_not_count():
    assert read(HOST + b"Content-Length: " + b"0" * 100 + b"2\r\n\r\nok").body == b"ok"
