"""One connection of an application: requests in, one after the other, replies out in their order."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import TYPE_CHECKING

import orjson

from toolkit.capture.door import BODY_S, HEAD_S, IDLE_S, LINGER_S, LOCAL, STALLED_S
from toolkit.capture.exchange import Exchange
from toolkit.capture.framing import END_OF_HEAD, HEAD_LIMIT, BadMessage, RequestHead, request_head
from toolkit.capture.heads import Opening

if TYPE_CHECKING:
    from toolkit.capture.door import Door

AHEAD_BYTES = 64 << 10
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


class Client(asyncio.Protocol):
    """A connection from an application; `call` is what is being served, None between calls."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before any use
        self.call: Exchange | None = None
        self._buffer = b""
        self._holds: set[str] = set()
        self._since = time.monotonic()
        self._lingers = self.stuck = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives a Protocol
        self.transport = transport
        if not self._door.room():
            self.answer(503, "the proxy serves as many connections as it may (--connections)", drained=True)
            return
        self._door.clients.add(self)
        self._door.idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.clients.discard(self)
        self._door.idle.pop(self, None)
        call, self.call = self.call, None
        if call is not None:
            call.client_lost()

    def data_received(self, data: bytes) -> None:
        if self._lingers:
            return
        if not self._buffer:
            self._since = time.monotonic()
        self._buffer = self._buffer + data if self._buffer else data
        self._advance()

    def _advance(self) -> None:
        """Take in what has come, as far as the call at hand allows."""
        try:
            while self._buffer and not self._lingers and not self.transport.is_closing():
                if self.call is None and not self._next_call():
                    return
                if not self._feed():
                    return
        except BadMessage as failure:
            if self.call is None:
                self.answer(failure.status, failure.reason)
            else:
                self.call.refuse(failure)

    def _feed(self) -> bool:
        """Give the call its part; false where what follows has to wait for the reply."""
        call = self.call
        if call is not None and not call.asked_all:
            self._buffer = self._buffer[call.request(self._buffer) :]
            return True
        if call is not None and len(self._buffer) > AHEAD_BYTES:
            self.hold("ahead")
        return call is None

    def _next_call(self) -> bool:
        """Begin a call with the head that stands in the buffer; false where it is not all there."""
        at = self._buffer.find(END_OF_HEAD) + 4
        if at > HEAD_LIMIT or (at < 4 and len(self._buffer) > HEAD_LIMIT):
            raise BadMessage(431, f"the head of a request is longer than {HEAD_LIMIT} bytes")
        if at < 4:
            if b"\n\n" in self._buffer:
                raise BadMessage(400, "a line of the head does not end in CRLF")
            return False
        raw, self._buffer = self._buffer[:at], self._buffer[at:]
        opening = self._door.heads.find(raw) or self._opening(raw)
        self._door.idle.pop(self, None)
        if opening is None:
            return not self._lingers
        if self._door.stopping:
            raise BadMessage(503, "the proxy is stopping")
        self.call = Exchange(self._door, self, opening)
        if self.call.asked_all:
            self.call.request(b"")
        return True

    def _opening(self, raw: bytes) -> Opening | None:
        """What a head asks for; None where the proxy itself was asked, and has answered. Raises BadMessage."""
        head = self._admitted(request_head(raw))
        if head.target.startswith(LOCAL):
            self._local(head)
            return None
        return self._door.heads.open(raw, head)

    def _admitted(self, head: RequestHead) -> RequestHead:
        """The head without a token in its path. Raises BadMessage where the token is asked for and wrong."""
        token = self._door.settings.token.encode()
        if not token:
            return head
        given = next((value for name, value in head.headers if name == b"x-toolkit-token"), b"")
        if head.target.startswith(LOCAL + b"t/"):
            given, _, rest = head.target[len(LOCAL) + 2 :].partition(b"/")
            head = head._replace(target=b"/" + rest)
        if not hmac.compare_digest(given, token):
            why = "send the token of the proxy as x-toolkit-token, or in the base URL: /-/toolkit/t/TOKEN"
            raise BadMessage(401, why)
        return head

    def _local(self, head: RequestHead) -> None:
        if head.target.partition(b"?")[0] != LOCAL + b"health" or head.method not in (b"GET", b"HEAD") or head.length:
            raise BadMessage(404, "the proxy itself answers GET /-/toolkit/health")
        told = self._door.health()
        text = orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"
        status = b"200 OK" if told["status"] == "ok" else b"503 Gap"
        self._say(status, b"" if head.method == b"HEAD" else text, len(text), close=not head.keeps)
        self.finished(keep=head.keeps, drained=True)

    def answer(self, status: int, why: str, *, drained: bool = False) -> None:
        """An error of the proxy's own, in the form that the SDKs show; the connection closes after it."""
        told = {"type": "error", "error": {"type": "capture_proxy", "message": f"toolkit capture proxy: {why}"}}
        text = orjson.dumps(told)
        if not self.transport.is_closing():
            self._say(f"{status} {REASONS[status]}".encode(), text, len(text), close=True)
        self.finished(keep=False, drained=drained)

    def _say(self, status: bytes, text: bytes, size: int, *, close: bool) -> None:
        end = b"Connection: close\r\n" if close else b""
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n" % (status, size, end)
        self.transport.write(head + text)

    def write(self, data: bytes) -> None:
        """Bytes of the reply, as they came."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def finished(self, *, keep: bool, drained: bool) -> None:
        """The call is over. drained: whether all of the request was read; what was not is read for a moment."""
        self.call = None
        self._holds.clear()
        if self.transport.is_closing():
            return
        if keep:
            self.transport.resume_reading()
            self._rest()
            if self._buffer:
                self._door.loop.call_soon(self._advance)
        elif drained:
            self.transport.close()
        else:
            self._lingers, self._since, self._buffer = True, time.monotonic(), b""
            self.transport.resume_reading()
            self.transport.write_eof()

    def _rest(self) -> None:
        self._since = time.monotonic()
        if not self.transport.is_closing():
            self._door.idle[self] = None

    def close(self) -> None:
        self._door.idle.pop(self, None)
        self.transport.close()

    def abort(self) -> None:
        """Break off: what the client has is all that there is."""
        self.call = None
        self.transport.close()

    def hold(self, why: str) -> None:
        """Stop reading for a reason, until it is released."""
        self._holds.add(why)
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def release(self, why: str) -> None:
        self._holds.discard(why)
        if not self._holds and not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.stuck, self._since = True, time.monotonic()
        if self.call is not None:
            self.call.hold()

    def resume_writing(self) -> None:
        self.stuck = False
        if self.call is not None:
            self.call.release()

    def sweep(self, now: float) -> None:
        """Close what has waited too long."""
        waited = now - self._since
        if self._lingers:
            if waited > LINGER_S:
                self.transport.abort()
        elif self.call is not None:
            if self.stuck and waited > STALLED_S:
                self.transport.abort()
            elif self.call.stalled and not self._holds and now - self.call.touched > BODY_S:
                self.call.refuse(BadMessage(408, f"nothing of the request's body came for {BODY_S:.0f} s"))
        elif self._buffer and waited > HEAD_S:
            self.answer(408, f"the head of the request did not come within {HEAD_S:.0f} s")
        elif not self._buffer and waited > IDLE_S:
            self.close()
