"""The proxy against a real server: what the client gets is what was sent, and what the log holds."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import socket
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.capture.running import Proxy, ask, start
from tests.capture.server import Piece, Request, Upstream, chunked, message, message_events, reply, stream_head
from toolkit.store.calls import Call
from toolkit.store.frames import RESPONSE

BODY = json.dumps(message()).encode()
KEY = "sk-ant-" + "api03-" + "Q2FwdHVyZVRlc3RLZXk5ODc2NTQzMjE"


class Script:
    """What the server answers next; a test sets it."""

    def __init__(self) -> None:
        self.pieces: Sequence[Piece] = [reply(BODY)]

    def __call__(self, _: Request) -> Sequence[Piece]:
        return self.pieces


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def upstream(script: Script) -> Iterator[Upstream]:
    with Upstream(script) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    running = start(upstream.url, tmp_path_factory.mktemp("capture") / "log")
    yield running
    code, said = running.stop()
    assert code == 0, said
    assert "Traceback" not in said


def _last(proxy: Proxy, n: int = 1) -> Call:
    """The call that ended last; the end may still be on its way."""
    for _ in range(100):
        found = [each for each in proxy.calls() if each.end]
        if len(found) >= n and found:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError("no call has ended")


def _ended(proxy: Proxy) -> int:
    return sum(bool(each.end) for each in proxy.calls())


def _raw(proxy: Proxy, data: bytes, *, wait: float = 5.0) -> bytes:
    """All that comes back on a connection of its own until it is closed."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=wait) as line:
        line.sendall(data)
        found = b""
        try:
            while piece := line.recv(1 << 16):
                found += piece
        except TimeoutError:
            pass
        return found


def _by_bytes(data: bytes) -> list[Piece]:
    return [piece for at in range(len(data)) for piece in (data[at : at + 1], 0.0)]


EVENTS = b"".join(chunked(each) for each in message_events("Hel", "lo")) + b"0\r\n\r\n"
BIG = random.Random(3).randbytes(3 << 20)
REPLIES: dict[str, tuple[Sequence[Piece], bytes, str]] = {
    "one piece": ([reply(BODY)], BODY, "complete"),
    "head and body apart": ([reply(BODY)[:80], 0.02, reply(BODY)[80:]], BODY, "complete"),
    "gzip": ([reply(gzip.compress(BODY), "content-encoding: gzip")], gzip.compress(BODY), "complete"),
    "byte by byte": (_by_bytes(reply(BODY)), BODY, "complete"),
    "events byte by byte": (
        [stream_head(), *_by_bytes(EVENTS)],
        b"".join(message_events("Hel", "lo")),
        "complete",
    ),
    "chunked with an extension and a trailer": (
        [stream_head(), b"5;a=b\r\nhello\r\n0\r\nX-T: v\r\n\r\n"],
        b"hello",
        "complete",
    ),
    "until the end of the connection": ([b"HTTP/1.1 200 OK\r\n\r\n", BODY, "close"], BODY, "complete"),
    "too many requests": ([reply(BODY, "retry-after: 1", status="429 Too Many Requests")], BODY, "complete"),
    "overloaded": ([reply(BODY, status="529 Overloaded")], BODY, "complete"),
    "an error after 200": (
        [stream_head(), chunked(b'event: error\ndata: {"type": "error"}\n\n'), b"0\r\n\r\n"],
        b'event: error\ndata: {"type": "error"}\n\n',
        "complete",
    ),
    "large": ([reply(BIG)], BIG, "complete"),
    "empty": ([reply(b"", status="200 OK")], b"", "complete"),
}


@pytest.mark.parametrize("shape", REPLIES)
def test_the_client_the_log_and_the_server_agree(shape: str, proxy: Proxy, script: Script) -> None:
    pieces, body, outcome = REPLIES[shape]
    script.pieces = pieces
    before = _ended(proxy)
    status, headers, got = ask(proxy.url)
    call = _last(proxy, before + 1)
    assert hashlib.sha256(got).digest() == hashlib.sha256(body).digest() == hashlib.sha256(call.response).digest()
    assert call.outcome == outcome and call.status == status and call.whole
    assert call.head["headers"].get("content-length") == headers.get("content-length")


@pytest.mark.soak
def test_32_megabytes_both_ways(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    body = random.Random(4).randbytes(32 << 20)
    script.pieces = [reply(body)]
    before = _ended(proxy)
    assert ask(proxy.url, body=body)[2] == body == upstream.requests[-1].body
    call = _last(proxy, before + 1)
    assert call.request == body == call.response


def test_the_reply_comes_framed_as_it_was_sent(proxy: Proxy, script: Script) -> None:
    sent = stream_head("X-Odd-Case: Value") + EVENTS
    script.pieces = [sent, "close"]
    got = _raw(proxy, b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    assert got == sent


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_server_that_breaks_off(how: str, proxy: Proxy, script: Script) -> None:
    before = _ended(proxy)
    script.pieces = [stream_head(), chunked(b"half"), 0.05, how]
    got = _raw(proxy, b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    assert got.endswith(chunked(b"half"))
    call = _last(proxy, before + 1)
    assert bytes(call.response) == b"half" and call.outcome == "upstream-lost"
    script.pieces = ["close"]
    status, _, body = ask(proxy.url)
    assert status == 502 and b"before its reply was complete" in body


def test_a_client_that_breaks_off(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    before, lost = _ended(proxy), upstream.lost
    script.pieces = [stream_head(), chunked(b"first"), *[piece for _ in range(200) for piece in (0.02, chunked(b"x"))]]
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as line:
        line.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        got = b""
        while b"first" not in got:
            got += line.recv(4096)
    call = _last(proxy, before + 1)
    assert call.outcome == "client-gone" and bytes(call.response).startswith(b"first")
    for _ in range(100):
        if upstream.lost > lost:
            break
        time.sleep(0.02)
    assert upstream.lost > lost, "the proxy did not hang up"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("HEAD", "/v1/models", None), ("DELETE", "/v1/files/1", None), ("GET", "/v1/models?limit=2", None)],
)
def test_other_methods(method: str, path: str, body: bytes | None, proxy: Proxy, script: Script) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    script.pieces = [head if method == "HEAD" else reply(BODY)]
    before = _ended(proxy)
    status, headers, got = ask(proxy.url, path, body, method)
    assert (status, got) == (200, b"" if method == "HEAD" else BODY)
    assert headers["content-length"] == str(len(BODY))
    call = _last(proxy, before + 1)
    assert (call.begin["method"], call.begin["url"], bytes(call.response)) == (method, path, got)


def test_expect_100_continue(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    script.pieces = [reply(BODY)]
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as line:
        line.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 100")
        line.sendall(b"hello")
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    assert upstream.requests[-1].body == b"hello"


def test_requests_large_chunked_and_one_after_the_other(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    script.pieces = [reply(BODY)]
    before = _ended(proxy)
    ask(proxy.url, body=BIG)
    assert hashlib.sha256(upstream.requests[-1].body).digest() == hashlib.sha256(BIG).digest()
    assert bytes(_last(proxy, before + 1).request) == BIG
    upstream.requests.clear()
    piece = chunked(b"abc") + chunked(b"def") + b"0\r\nT: 1\r\n\r\n"
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got = _raw(proxy, (head + piece) * 3 + last)
    assert got == reply(BODY) * 4
    assert [each.body for each in upstream.requests] == [b"abcdef"] * 3 + [b""]
    assert upstream.requests[-1].target == "/last"


def test_connections_upstream_are_used_again(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    script.pieces = [reply(BODY)]
    ask(proxy.url)
    before = upstream.connections
    for _ in range(5):
        ask(proxy.url)
    assert upstream.connections == before


def test_tags_are_kept_and_not_sent_on(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    script.pieces = [reply(BODY)]
    before = _ended(proxy)
    ask(proxy.url, x_toolkit_tag_team="blue", x_toolkit_tag_case="7")
    assert not [name for name in upstream.requests[-1].headers if "toolkit" in name]
    assert _last(proxy, before + 1).begin["tags"] == {"team": "blue", "case": "7"}


def test_no_key_is_written(proxy: Proxy, script: Script, upstream: Upstream) -> None:
    other = "Zq8-" + "plain0secret1that2has3no4shape"
    said = json.dumps({"error": f"no such key {KEY} or {other}", "tail": "kept"}).encode()
    cut = said.index(KEY.encode()) + 20
    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\nSet-Cookie: s=%b\r\n\r\n" % (len(said), other.encode())
    script.pieces = [head + said[:cut], 0.05, said[cut:]]
    before = _ended(proxy)
    path = f"/v1/messages?key={other}"
    status, _, got = ask(proxy.url, path, authorization=f"Bearer {other}", x_api_key=KEY, cookie=f"a={other}")
    assert (status, got) == (401, said)
    assert upstream.requests[-1].headers["x-api-key"] == KEY and upstream.requests[-1].target == path
    call = _last(proxy, before + 1)
    written = b"".join(each.read_bytes() for each in proxy.log.iterdir())
    for key in (KEY, other):
        assert key.encode() not in written and key[:24].encode() not in written
    shown = bytearray(said)
    for side, at, size in call.masked:
        assert side == RESPONSE
        shown[at : at + size] = b"*" * size
    assert bytes(call.response) == bytes(shown) and b"kept" in call.response
    assert sum(size for _, _, size in call.masked) == len(KEY) + len(other)


BAD = {
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "both framings": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "bad chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk too long": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("shape", BAD)
def test_a_malformed_request_is_answered_and_goes_nowhere(shape: str, proxy: Proxy, upstream: Upstream) -> None:
    upstream.requests.clear()
    got = _raw(proxy, BAD[shape], wait=3)
    assert got.startswith(b"HTTP/1.1 400 Bad Request"), got
    assert b"toolkit capture proxy: " in got
    assert upstream.requests == []


def test_a_head_without_end(proxy: Proxy) -> None:
    got = _raw(proxy, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000, wait=3)
    assert got.startswith(b"HTTP/1.1 431 ")


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 1\n\na",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("shape", MALFORMED)
def test_a_malformed_reply_is_a_502(shape: str, proxy: Proxy, script: Script) -> None:
    script.pieces = [MALFORMED[shape]]
    before = _ended(proxy)
    status, _, body = ask(proxy.url)
    assert status == 502 and b"toolkit capture proxy" in body
    assert _last(proxy, before + 1).outcome == "malformed-reply"


def test_more_than_one_reply_is_not_passed_on(proxy: Proxy, script: Script) -> None:
    script.pieces = [reply(BODY) + reply(b"smuggled")]
    got = _raw(proxy, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert got == reply(BODY)
    script.pieces = [reply(BODY)]
    assert ask(proxy.url)[2] == BODY


def test_a_slow_client_holds_back_the_server(proxy: Proxy, script: Script) -> None:
    """The reply is far larger than all buffers: the proxy must not take it in faster than it is read."""
    import psutil

    script.pieces = [reply(b"x" * (24 << 20))]
    process = psutil.Process(proxy.process.pid)
    ask(proxy.url, body=b"warm")
    before = process.memory_info().rss
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        line.recv(1)
        time.sleep(0.5)
        assert process.memory_info().rss - before < 8 << 20
        assert proxy.health()[1]["open"] == 1
        n = 1
        while piece := line.recv(1 << 20):
            n += len(piece)
    assert n == len(reply(b"x" * (24 << 20)))


def test_health(proxy: Proxy) -> None:
    status, told = proxy.health()
    assert status == 200 and told["status"] == "ok"
    assert told["calls"] == told["open"] + sum(told["outcomes"].values())
    assert ask(proxy.url, "/-/toolkit/other", None, "GET")[0] == 404
