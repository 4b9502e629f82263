"""One call through the proxy: each byte is in the log before it goes on.

The reply goes to the client as it came, framing and all; the request is framed anew, so that no two
servers can read it differently. What is logged of both is the body without its transfer coding.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from toolkit.capture.framing import (
    END_OF_HEAD,
    REPLY_HEAD_LIMIT,
    BadMessage,
    Chunked,
    ReplyHead,
    Sized,
    body,
    reply_head,
)
from toolkit.capture.heads import Opening
from toolkit.capture.record import Answered, LastEvent, Recording
from toolkit.capture.spend import Tokens
from toolkit.capture.upstream import Upstream, reason

if TYPE_CHECKING:
    from toolkit.capture.client import Client
    from toolkit.capture.door import Door

HELD_BYTES = 64 << 10


class Exchange:
    """A request and its reply, between a client's connection and one upstream."""

    # What a call begins with stands on the class: an instance holds what came since.
    _begun = _relayed = done = gone = False
    _pending = _buffer = b""
    _upstream: Upstream | None = None
    _connecting: asyncio.Task[None] | None = None
    _reply: ReplyHead | None = None
    _last: LastEvent | None = None
    _reply_body: Sized | Chunked

    def __init__(self, door: Door, client: Client, head: Opening) -> None:
        self._door, self.client, self.head = door, client, head
        self._body = body(head.length, 400)
        self._recording = Recording(door.log, door.keys)
        self._tokens = Tokens()
        self.touched = time.monotonic()

    @property
    def asked_all(self) -> bool:
        """Whether the whole request has come."""
        return self._body.done

    @property
    def stalled(self) -> bool:
        """Whether it is the client that is waited for."""
        return not self._body.done and not self.done

    def request(self, data: bytes) -> int:
        """More of the request; returns how many bytes of `data` belong to it. Raises BadMessage."""
        self.touched = time.monotonic()
        found, used = self._body.feed(data)
        last = self._body.done
        if not self._begun:
            self._pending += found
            if last or self.head.expects or not 0 <= self.head.length <= HELD_BYTES:
                self._begin(self._pending, last)
        elif found or last:
            self._recording.request(found, last=last)
            self._send(self._framed(found, last))
        return used

    def _begin(self, data: bytes, last: bool) -> None:
        door = self._door
        self._begun = True
        self._recording.open(self.head.told, data, last=last)
        door.counters.calls += 1
        door.counters.open += 1
        if door.settings.refuse and self._refused():
            return
        self._pending = self.head.sent + self._framed(data, last)
        found = door.pool.take()
        if found is not None:
            self._attach(found)
        else:
            self.client.hold("connecting")
            self._connecting = door.loop.create_task(self._connect())

    def _refused(self) -> bool:
        """With --on-error refuse, a call that cannot be recorded goes no further."""
        if self._recording.whole:
            return False
        self._fail("not-recorded", BadMessage(503, "the capture log cannot be written, and --on-error is refuse"))
        return True

    async def _connect(self) -> None:
        try:
            made = await self._door.pool.connect()
        except (OSError, TimeoutError, UnicodeError) as failure:
            where = self._door.pool.target.origin
            self._fail("unreachable", BadMessage(502, f"{where} cannot be reached: {reason(failure)}"))
            return
        finally:
            self.client.release("connecting")
        if self.done:
            made.transport.abort()
        else:
            self._attach(made)

    def _attach(self, connection: Upstream) -> None:
        self._upstream = connection
        connection.exchange = self
        pending, self._pending = self._pending, b""
        connection.transport.write(pending)
        if self.client.stuck:
            self.hold()

    def _framed(self, data: bytes, last: bool) -> bytes:
        if self.head.length >= 0:
            return data
        chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return chunk + b"0\r\n\r\n" if last else chunk

    def _send(self, data: bytes) -> None:
        if self._upstream is None:
            self._pending += data
        elif not self.done:
            self._upstream.transport.write(data)

    def answered(self, data: bytes) -> None:
        """Bytes of the reply."""
        self.touched = time.monotonic()
        try:
            self._answer(data)
        except BadMessage as failure:
            self._fail("malformed-reply", failure)

    def _answer(self, data: bytes) -> None:
        fresh: Answered | None = None
        raw = data
        if self._reply is None:
            raw = self._buffer + data if self._buffer else data
            at = raw.find(END_OF_HEAD) + 4
            if at < 4:
                self._buffer = raw
                if len(raw) > REPLY_HEAD_LIMIT or b"\n\n" in raw:
                    raise BadMessage(502, "malformed reply from upstream: its head does not end")
                return
            self._buffer = b""
            head = reply_head(raw[:at], self.head.method)
            if head.status < 200:
                self._interim(head, raw, at)
                return
            self._reply, self._reply_body = head, body(head.length, 502)
            fresh = Answered(head.status, head.headers)
            if any(b"event-stream" in value for name, value in head.headers if name == b"content-type"):
                self._last = LastEvent()
            found, used = self._reply_body.feed(raw[at:])
            used += at
        else:
            found, used = self._reply_body.feed(raw)
        self._relay(raw, used, found, fresh)

    def _interim(self, head: ReplyHead, raw: bytes, at: int) -> None:
        """An answer before the answer, such as 100 Continue."""
        if head.status == 101:
            raise BadMessage(502, "upstream switches protocols, which was not asked for")
        self.client.write(raw[:at])
        if len(raw) > at:
            self._answer(raw[at:])

    def _relay(self, raw: bytes, used: int, found: bytes, fresh: Answered | None) -> None:
        self._tokens.hear(found)
        if self._last is not None:
            self._last.in_(found)
        last = self._reply_body.done
        if not last:
            self._recording.response(found, fresh)
        elif self.gone:
            self._recording.end("complete", found, fresh, client="gone")
        else:
            self._recording.end("complete", found, fresh)
        if self._door.settings.refuse and self._refused():
            return
        self._relayed = True
        self._door.counters.received += len(found)
        sent = raw if used == len(raw) else raw[:used]
        self.done = last
        if not last:
            self.client.write(sent)
        elif self._door.settings.sync == "final":
            self._door.after_sync(lambda: self._finish(sent, used == len(raw)))
        else:
            self._finish(sent, used == len(raw))

    def _finish(self, sent: bytes, clean: bool) -> None:
        """The reply is complete: its last bytes go out and both connections are free or closed."""
        reply = self._reply
        assert reply is not None  # noqa: S101 - a reply that ends has begun
        self.client.write(sent)
        reusable = clean and reply.keeps and self._body.done
        self._close("complete", reusable=reusable)
        self.client.finished(keep=self.head.keeps and reply.keeps, drained=self._body.done)

    def upstream_lost(self, failure: Exception | None) -> None:
        """The upstream connection ended while this call was on it."""
        if self.done:
            return
        reply = self._reply
        if reply is not None and reply.length == -2 and failure is None:
            self._recording.end("complete")
            self._close("complete")
            self.client.finished(keep=False, drained=self._body.done)
            return
        words = "upstream closed the connection before its reply was complete"
        self._fail("upstream-lost", BadMessage(502, f"{words}: {failure}" if failure else words))

    def client_lost(self) -> None:
        """The client is gone: as the app itself would have done, hang up; with --drain, let the reply come."""
        if self.done:
            return
        self.gone = True
        if self._door.settings.drain and self._body.done and self._begun:
            self.release()
            self._door.draining.add(self)
            return
        # After its last event a stream says nothing more: many clients hang up there.
        self.stop("complete" if self._last is not None and self._last.seen else "client-gone")

    def stop(self, outcome: str) -> None:
        """Give the call up."""
        if self._begun and not self.done:
            self._recording.end(outcome)
            self._close(outcome)
        self.done = True

    def refuse(self, failure: BadMessage) -> None:
        """The request itself is at fault."""
        self._fail("malformed-request", failure)

    def _fail(self, outcome: str, failure: BadMessage) -> None:
        """End the call for both sides; the client gets an answer where none has begun."""
        if self.done:
            return
        if self._begun:
            self._recording.end(outcome, error=failure.reason)
            self._close(outcome)
        self.done = True
        if not self._relayed:
            self.client.answer(failure.status, failure.reason, drained=self._body.done)
        else:
            self.client.abort()

    def _close(self, outcome: str, *, reusable: bool = False) -> None:
        """Count the call and let go of its upstream connection."""
        self.done = True
        self._door.draining.discard(self)
        self._door.count(outcome, self._reply.status if self._reply else 0, self._tokens, self._recording.whole)
        if self._connecting is not None:
            self._connecting.cancel()
        connection, self._upstream = self._upstream, None
        if connection is not None:
            connection.exchange = None
            if reusable:
                self._door.pool.give(connection)
            else:
                connection.transport.abort()

    def hold(self) -> None:
        """The client reads slowly: stop reading upstream."""
        if self._upstream is not None and not self._upstream.transport.is_closing():
            self._upstream.transport.pause_reading()

    def release(self) -> None:
        if self._upstream is not None and not self._upstream.transport.is_closing():
            self._upstream.transport.resume_reading()
