"""Heads and bodies of HTTP: shapes that two servers read differently are refused; bodies end where they end."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.capture.framing import BadMessage, Chunked, Sized, forwarded, reply_head, request_head

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\n",
    "both framings": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked disguised": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "tab before chunked": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n",
    "signed length": POST + b"Content-Length: +5\r\n\r\n",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\n",
    "folded header": GET + b"X: a\r\n b\r\n\r\n",
    "folded with a tab": GET + b"X: a\r\n\tb\r\n\r\n",
    "bare line feed": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "bare line feed in a header": GET + b"X: a\nTransfer-Encoding: chunked\r\n\r\n",
    "bare carriage return": GET + b"X: a\rY: b\r\n\r\n",
    "space before the colon": GET + b"Content-Length : 5\r\n\r\n",
    "NUL": GET + b"X: a\0b\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no name": GET + b": a\r\n\r\n",
}


@pytest.mark.parametrize("shape", SMUGGLED)
def test_smuggling_shapes_are_refused(shape: str) -> None:
    with pytest.raises(BadMessage) as refused:
        request_head(SMUGGLED[shape])
    assert refused.value.status == 400


def test_a_forward_proxy_is_not_offered() -> None:
    for head in (b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT other:443 HTTP/1.1\r\nHost: x\r\n\r\n"):
        with pytest.raises(BadMessage, match="base URL"):
            request_head(head)


def test_what_is_for_this_hop_or_for_the_toolkit_is_not_sent_on() -> None:
    head = request_head(
        POST
        + b"Connection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nTE: trailers\r\n"
        + b"x-toolkit-tag-team: blue\r\nX-Toolkit-Token: t\r\nX-Api-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    sent = forwarded(head, b"/v1/x", b"api.test")
    assert sent == (b"POST /v1/x HTTP/1.1\r\nHost: api.test\r\nX-Api-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert not head.keeps


@pytest.mark.parametrize(
    ("head", "method", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b"GET", 7),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b"HEAD", 0),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b"GET", 0),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"DELETE", 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"GET", -1),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"GET", -2),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"GET", 0),
    ],
)
def test_how_long_a_reply_is(head: bytes, method: bytes, length: int) -> None:
    assert reply_head(head, method).length == length


@given(pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=6), cuts=st.lists(st.integers(1, 50), max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_chunked_body_is_the_same_however_it_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(b"%X;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nT: v\r\n\r\n"
    body, found, at = Chunked(400), b"", 0
    for size in [*cuts, len(wire)]:
        told, used = body.feed(wire[at : at + size])
        assert used == len(wire[at : at + size])
        found, at = found + told, at + used
    assert body.done and found == b"".join(pieces)


@given(st.lists(st.sampled_from([b"5", b"0", b"a", b"\r\n", b"\n", b"\r", b"hello", b";x", b" ", b"G", b"\0", b"-1"])))
@settings(max_examples=150, deadline=None)
def test_what_the_chunk_reader_takes_httptools_takes_as_well(pieces: list[bytes]) -> None:
    wire = b"".join(pieces)
    body = Chunked(400)
    try:
        found, used = body.feed(wire)
    except BadMessage:
        return
    seen: list[bytes] = []

    class Taken:
        def on_body(self, data: bytes) -> None:
            seen.append(data)

    other = httptools.HttpRequestParser(Taken())
    other.feed_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        other.feed_data(wire[:used])
    except httptools.HttpParserError:
        assert b" " in wire or not body.done, wire
        return
    if body.done:
        assert b"".join(seen) == found


@given(st.binary(max_size=400))
@settings(max_examples=120, deadline=None)
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (lambda: request_head(data), lambda: reply_head(data, b"GET"), lambda: Chunked(400).feed(data)):
        try:
            read()
        except BadMessage as refused:
            assert refused.reason


def test_a_sized_body_ends_where_its_length_says() -> None:
    body = Sized(5)
    assert body.feed(b"abc") == (b"abc", 3)
    assert body.feed(b"deGET /") == (b"de", 2)
    assert body.done
