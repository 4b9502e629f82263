"""HTTP/1.1 heads and bodies, read strictly: what two readers could understand differently is refused.

httptools reads the heads; where a body ends is found here, because a proxy must know it to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import httptools

HEAD_LIMIT, REPLY_HEAD_LIMIT = 64 << 10, 256 << 10
LINE_LIMIT, TRAILER_LIMIT = 4 << 10, 16 << 10
END_OF_HEAD = b"\r\n\r\n"
_DIGITS = re.compile(rb"\d{1,18}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n")
_LINES = re.compile(rb"(?:[!-~][^\r\n\0]*\r\n)+\r\n")
"""A head of which nothing is wrong with the lines."""
HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""


class BadMessage(Exception):  # noqa: N818 - the peer's mistake, answered with a status
    """A message that is not relayed: the status to answer with, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class RequestHead(NamedTuple):
    """length: bytes of the body, -1 for chunked. keeps: whether the client's connection may serve another.

    written: the names of the headers as they came.
    """

    method: bytes
    target: bytes
    version: str
    headers: Headers
    written: list[bytes]
    length: int
    expects: bool
    keeps: bool


class ReplyHead(NamedTuple):
    """length: bytes of the body, -1 for chunked, -2 for all until the connection closes."""

    status: int
    headers: Headers
    length: int
    keeps: bool


class _Taken:
    """What httptools calls back."""

    __slots__ = ("headers", "target")

    def __init__(self) -> None:
        self.target, self.headers = b"", Headers()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))


def request_head(data: bytes) -> RequestHead:
    """The head of a request, up to and with its blank line. Raises BadMessage."""
    _plain(data, 400)
    taken = _Taken()
    parser = httptools.HttpRequestParser(taken)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # an offer that the proxy does not take up
    except httptools.HttpParserError as failure:
        raise BadMessage(400, f"malformed request: {failure}") from failure
    method, version = parser.get_method(), parser.get_http_version()
    headers = [(name.lower(), value) for name, value in taken.headers]
    if version not in ("1.1", "1.0"):
        raise BadMessage(505, f"HTTP/{version} is not spoken here")
    if method == b"CONNECT" or not taken.target.startswith((b"/", b"*")):
        raise BadMessage(400, "this is no forward proxy: set it as the base URL of the SDK, not as HTTP_PROXY")
    if sum(name == b"host" for name, _ in headers) != 1 and version == "1.1":
        raise BadMessage(400, "a request needs one Host")
    length = _length(headers, 400)
    expects = any(name == b"expect" for name, _ in headers)
    keeps = version == "1.1" and b"close" not in _listed(headers, b"connection")
    written = [name for name, _ in taken.headers]
    return RequestHead(method, taken.target, version, headers, written, max(length, -1), expects, keeps)


def reply_head(data: bytes, method: bytes) -> ReplyHead:
    """The head of a reply to a request of `method`. Raises BadMessage."""
    _plain(data, 502)
    taken = _Taken()
    parser = httptools.HttpResponseParser(taken)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as failure:
        raise BadMessage(502, f"malformed reply from upstream: {failure}") from failure
    status, headers = parser.get_status_code(), [(name.lower(), value) for name, value in taken.headers]
    length = _length(headers, 502, none=-2)
    if method == b"HEAD" or status in (204, 304) or status < 200:
        length = 0
    said = _listed(headers, b"connection")
    keeps = b"close" not in said and (parser.get_http_version() == "1.1" or b"keep-alive" in said) and length != -2
    return ReplyHead(status, headers, length, keeps)


def _plain(data: bytes, status: int) -> None:
    """Lines end in CRLF alone, and none goes on in the next."""
    if _LINES.fullmatch(data):
        return
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        raise BadMessage(status, "a line of the head does not end in CRLF")
    if b"\r\n " in data or b"\r\n\t" in data:
        raise BadMessage(status, "a header goes on over a second line")
    if b"\0" in data:
        raise BadMessage(status, "a NUL in the head")


def _length(headers: Headers, status: int, *, none: int = 0) -> int:
    """How long the body is by its head: bytes, -1 for chunked, `none` where the head says nothing."""
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings:
        if lengths or codings != [b"chunked"]:
            raise BadMessage(status, "Transfer-Encoding beside Content-Length, or other than chunked")
        return -1
    if not lengths:
        return none
    if len(lengths) > 1 or not _DIGITS.fullmatch(lengths[0].strip()):
        raise BadMessage(status, "more than one Content-Length, or not a number")
    return int(lengths[0])


def _listed(headers: Headers, wanted: bytes) -> set[bytes]:
    found = [value for name, value in headers if name == wanted]
    return {word.strip().lower() for value in found for word in value.split(b",")}


def forwarded(head: RequestHead, target: bytes, host: bytes) -> bytes:
    """The head as it goes upstream: another Host, nothing for this hop and nothing for the toolkit."""
    dropped = (HOP | _listed(head.headers, b"connection")) - {b"content-length"}
    lines = [b"%b %b HTTP/%b\r\nHost: %b\r\n" % (head.method, target, head.version.encode(), host)]
    lines += [
        b"%b: %b\r\n" % (written, value)
        for (name, value), written in zip(head.headers, head.written, strict=True)
        if name not in dropped and name != b"host" and not name.startswith(b"x-toolkit-")
    ]
    if head.length < 0:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


class Sized:
    """A body of known length, or with -2 all that comes."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left, self.done = length, length == 0

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """The body's bytes in `data`, and how much of `data` belongs to the message."""
        if self._left < 0:
            return data, len(data)
        if len(data) > self._left:
            data = data[: self._left]
        self._left -= len(data)
        self.done = not self._left
        return data, len(data)


class Chunked:
    """A body in chunks, the coding taken off. Raises BadMessage with the status given."""

    __slots__ = ("_left", "_line", "_next", "_status", "_trailer", "done")

    def __init__(self, status: int) -> None:
        self._status, self._line, self._left, self._trailer = status, b"", 0, 0
        self._next: Callable[[bytes], None] = self._size
        self.done = False

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """The body's bytes in `data`, and how much of `data` belongs to the message."""
        found, at = [], 0
        while at < len(data) and not self.done:
            if self._left:
                piece = data[at : at + self._left]
                found.append(piece)
                self._left -= len(piece)
                at += len(piece)
                continue
            end = data.find(b"\n", at) + 1
            line, at = self._line + data[at : end or None], end or len(data)
            if len(line) > LINE_LIMIT:
                raise BadMessage(self._status, "a line of a chunked body is too long")
            self._line = b"" if end else line
            if end:
                self._next(line)
        return found[0] if len(found) == 1 else b"".join(found), at

    def _size(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None:
            raise BadMessage(self._status, "malformed size of a chunk")
        self._left = int(size[1], 16)
        self._next = self._end if self._left else self._field

    def _end(self, line: bytes) -> None:
        if line != b"\r\n":
            raise BadMessage(self._status, "a chunk is longer than its size")
        self._next = self._size

    def _field(self, line: bytes) -> None:
        self._trailer += len(line)
        if line == b"\r\n":
            self.done = True
        elif not _FIELD.fullmatch(line) or self._trailer > TRAILER_LIMIT:
            raise BadMessage(self._status, "malformed trailer")


def body(length: int, status: int) -> Sized | Chunked:
    """What reads a body of a length as heads give it."""
    return Chunked(status) if length == -1 else Sized(length)
