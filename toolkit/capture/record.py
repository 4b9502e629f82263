"""One call on its way into the frame log; the proxy and the transport inside an application both write by it."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from toolkit.capture.privacy import Headers, Keys, Mask, kept_headers, kept_target, tags
from toolkit.store.frames import REQUEST, RESPONSE, FrameLog, Kind

ENDS = (b"data: [DONE]", b"event: message_stop", b"event: response.completed", b"event: response.incomplete")
"""Clients hang up after these events, before the stream's own end."""
_KEPT = max(map(len, ENDS)) - 1


class LastEvent:
    """Looks for the event that ends a stream in the pieces in which it comes."""

    __slots__ = ("_tail", "seen")

    def __init__(self) -> None:
        self._tail, self.seen = b"", False

    def in_(self, data: bytes) -> bool:
        """Whether it has come by now."""
        if not self.seen:
            told = self._tail + data
            self.seen = any(mark in told for mark in ENDS)
            self._tail = told[-_KEPT:]
        return self.seen


class Asked(NamedTuple):
    """The head of a request. target: path and query. headers: names in lower case. upstream: scheme and host."""

    method: str
    target: bytes
    headers: Headers
    upstream: str
    via: str = "proxy"


class Answered(NamedTuple):
    """The head of a response; headers: names in lower case."""

    status: int
    headers: Headers


def told(asked: Asked, keys: Keys) -> dict[str, Any]:
    """What a BEGIN frame says of a request; its keys are known from now on."""
    prints = keys.learn(asked.headers, asked.target)
    meta: dict[str, Any] = {
        "via": asked.via,
        "method": asked.method,
        "upstream": asked.upstream,
        "url": kept_target(asked.target, keys),
        "headers": kept_headers(asked.headers, keys),
    }
    if named := tags(asked.headers, keys):
        meta["tags"] = named
    if prints:
        meta["keys"] = prints
    return meta


class Recording:
    """Writes the frames of one call. `whole` turns false with the first frame that could not be written.

    Call each method before the bytes it is given go on their way. `data` is a side's body without its
    transfer coding; parts of it may come in any sizes.
    """

    __slots__ = ("_keys", "_log", "_masks", "call", "whole")

    def __init__(self, log: FrameLog, keys: Keys) -> None:
        self._log, self._keys = log, keys
        self.call = log.new_call()
        self.whole = True
        self._masks: list[Mask | None] = [None, None]

    def begin(self, asked: Asked, data: bytes = b"", *, last: bool = False) -> None:
        """The request's head, and its body or the beginning of it. last: whether that is all of it."""
        self.open(orjson.dumps(told(asked, self._keys)), data, last=last)

    def open(self, asked: bytes, data: bytes, *, last: bool) -> None:
        """As `begin`, with what is `told` of the head, as JSON."""
        self._write(Kind.BEGIN, asked, data, REQUEST, last)

    def request(self, data: bytes, *, last: bool = False) -> None:
        """More of the request's body."""
        self._write(Kind.CHUNK, b"", data, REQUEST, last)

    def response(self, data: bytes, head: Answered | None = None) -> None:
        """More of the response's body; its head with the first of it."""
        self._write(Kind.CHUNK, orjson.dumps(self._head(head)) if head else b"", data, RESPONSE, False)

    def end(self, outcome: str, data: bytes = b"", head: Answered | None = None, **told: Any) -> None:
        """The rest of the response and what became of the call (see `Call.outcome`)."""
        meta = {**self._head(head), "outcome": outcome, **told}
        if not self.whole:
            meta["gap"] = True
        self._write(Kind.END, orjson.dumps(meta), data, RESPONSE, True)

    def _head(self, head: Answered | None) -> dict[str, Any]:
        return {} if head is None else {"status": head.status, "headers": kept_headers(head.headers, self._keys)}

    def _write(self, kind: Kind, meta: bytes, data: bytes, side: int, last: bool) -> None:
        mask = self._masks[side]
        if mask is None and last:
            body, more = self._keys.masked(data)  # all of a side at once, as most calls are
        else:
            mask = self._masks[side] = mask or Mask(self._keys)
            body, more = mask(data, last=last)
        if more:
            meta = orjson.dumps({**orjson.loads(meta or b"{}"), **more})
        if kind == Kind.CHUNK and not (body or meta):
            return
        if not self._log.write(kind, self.call, meta, body, side):
            self.whole = False
