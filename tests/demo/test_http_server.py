"""The stub's HTTP, spoken to it in raw bytes."""

import json
import threading

import pytest
from demo_http import http_request, question
from ferraio.demo.request_parser import LARGEST_BODY


def answer_to(body):
    return body["content"][0]["text"].partition("\n")[0]


def test_a_connection_takes_one_request_after_another(connect):
    client = connect()
    for text in ("first", "second"):
        client.send(http_request(question(text)))
        status, headers, body = client.read_reply()
        assert (status, headers["content-type"]) == (200, "application/json")
        assert answer_to(body) == f"You asked: {text}"
        assert headers["request-id"].startswith("req_")
        assert headers["date"].endswith("GMT")


def test_a_request_sent_byte_by_byte_is_answered(connect):
    client = connect()
    for byte in http_request(question("slowly")):
        client.send(bytes([byte]))
    assert answer_to(client.read_reply()[2]) == "You asked: slowly"


def test_a_chunked_request_is_answered(connect):
    body = json.dumps(question("in chunks")).encode()
    head = http_request(b"", headers=["Transfer-Encoding: chunked"]).replace(b"Content-Length: 0\r\n", b"")
    client = connect()
    client.send(head + b"%x\r\n%b\r\n" % (10, body[:10]))
    client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 10, body[10:]))
    assert answer_to(client.read_reply()[2]) == "You asked: in chunks"


def test_thousands_of_pipelined_requests_are_answered_in_order_though_the_client_reads_late(connect):
    numbers = range(3000)
    client = connect()
    sent = threading.Thread(
        target=client.send, args=(b"".join(http_request(question(f"number {at}")) for at in numbers),)
    )
    sent.start()
    for number in numbers:
        assert answer_to(client.read_reply()[2]) == f"You asked: number {number}"
    sent.join()


def test_a_stream_between_two_other_replies_ends_where_it_should(connect):
    client = connect()
    client.send(http_request(question("one", stream=True)) + http_request(question("two")))
    status, headers = client.read_head()
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    assert headers["content-type"].startswith("text/event-stream")
    while (size := int(client.file.readline(), 16)) > 0:
        client.file.read(size + 2)
    assert client.file.readline() == b"\r\n"
    assert answer_to(client.read_reply()[2]) == "You asked: two"


def test_a_client_of_http_1_0_gets_its_stream_without_chunks(connect):
    client = connect()
    client.send(http_request(question("old", stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
    status, headers = client.read_head()
    assert (status, headers["connection"]) == (200, "close")
    assert "transfer-encoding" not in headers
    assert client.read_to_end().endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_a_client_that_has_shut_its_side_still_gets_what_it_asked_for(connect):
    client = connect()
    client.send(http_request(question("one")) + http_request(question("two")))
    client.socket.shutdown(1)
    assert answer_to(client.read_reply()[2]) == "You asked: one"
    assert answer_to(client.read_reply()[2]) == "You asked: two"
    assert client.read_to_end() == b""


def test_half_a_request_and_then_the_end_closes_the_connection(connect):
    client = connect()
    client.send(http_request(question("half"))[:-1])
    client.socket.shutdown(1)
    assert client.read_to_end() == b""


def test_connection_close_is_obeyed(connect):
    client = connect()
    client.send(http_request(question("last"), headers=["Connection: close"]))
    status, headers, _ = client.read_reply()
    assert (status, headers["connection"]) == (200, "close")
    assert client.read_to_end() == b""


def test_the_body_is_asked_for_when_the_client_waits_for_that(connect):
    request = http_request(question("may I"), headers=["Expect: 100-continue"])
    end_of_head = request.index(b"\r\n\r\n") + 4
    client = connect()
    client.send(request[:end_of_head])
    assert client.read_head()[0] == 100
    client.send(request[end_of_head:])
    assert client.read_reply()[0] == 200


def test_head_is_answered_as_get_without_the_body(connect):
    client = connect()
    client.send(http_request(b"", path="/v1/models", method="HEAD"))
    status, headers = client.read_head()
    assert status == 200
    client.send(http_request(b"", path="/v1/models", method="GET"))
    assert client.read_reply()[1]["content-length"] == headers["content-length"]


def test_an_unknown_path_is_not_found_and_the_connection_goes_on(connect):
    client = connect()
    client.send(http_request(b"", path="/v2/nothing", method="GET") + http_request(question("still there")))
    status, _, body = client.read_reply()
    assert (status, body["error"]["type"]) == (404, "not_found_error")
    assert client.read_reply()[0] == 200


def test_a_wrong_method_is_told_the_right_one(connect):
    client = connect()
    client.send(http_request(b"", method="GET"))
    status, headers, body = client.read_reply()
    assert (status, headers["allow"], body["type"]) == (405, "POST", "error")


@pytest.mark.parametrize(
    ("head", "status", "error"),
    [
        (b"nonsense\r\n\r\n", 400, "invalid_request_error"),
        (b"POST /v1/messages HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", 413, "request_too_large"),
    ],
)
def test_after_a_refusal_that_loses_the_thread_the_connection_ends(connect, head, status, error):
    client = connect()
    client.send(head % (LARGEST_BODY + 1) if b"%d" in head else head)
    got, headers, body = client.read_reply()
    assert (got, headers["connection"], body["error"]["type"]) == (status, "close", error)
    assert client.read_to_end() == b""


def test_a_refusal_reaches_a_client_that_is_still_sending(connect):
    client = connect()
    client.send(b"nonsense\r\n\r\n")
    client.send(b"more of the same\r\n" * 1000)
    assert client.read_reply()[0] == 400
