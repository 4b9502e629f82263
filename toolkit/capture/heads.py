"""Heads of requests that come again: read, framed for upstream and told to the log once.

An SDK sends one head with all of its calls, but for the length of the body. A head that came twice is kept
without those digits; a head that equals a kept one in every other byte needs no second reading.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import orjson

from toolkit.capture.framing import RequestHead, forwarded
from toolkit.capture.privacy import Keys
from toolkit.capture.record import Asked, told
from toolkit.capture.upstream import Target

MOST, MOST_SEEN, LARGEST = 64, 1024, 8 << 10
_LENGTHS = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
_CUT = b"\0"
"""Stands for the digits; no head that was read holds it."""


class Opening(NamedTuple):
    """How a call begins. length: as in RequestHead. sent: its head as it goes upstream. told: of it, for the log."""

    method: bytes
    length: int
    expects: bool
    keeps: bool
    sent: bytes
    told: bytes


class _Known(NamedTuple):
    """A head without the digits of its length. learnt: how many keys were known when it was written down."""

    opening: Opening
    sent: list[bytes]
    told: list[bytes]
    learnt: int


class Heads:
    """Openings by the bytes of their heads, of one proxy."""

    def __init__(self, where: Target, keys: Keys) -> None:
        self._where, self._keys = where, keys
        self._known: dict[bytes, _Known] = {}
        self._seen: set[int] = set()
        self._mark = os.urandom(12).hex().encode()

    def find(self, raw: bytes) -> Opening | None:
        """The opening that a head's bytes are known to give; None where it has to be read."""
        key, digits = _apart(raw)
        known = self._known.get(key)
        if known is None or known.learnt != self._keys.learnt or len(known.sent) != 1 + bool(digits):
            return None
        whole = known.opening
        if not digits:
            return whole
        sent, said = digits.join(known.sent), digits.join(known.told)
        return Opening(whole.method, int(digits), whole.expects, whole.keeps, sent, said)

    def open(self, raw: bytes, head: RequestHead) -> Opening:
        """The opening of a head that was read and may pass."""
        sent, said = self._written(head)
        opening = Opening(head.method, head.length, head.expects, head.keeps, sent, said)
        key, digits = _apart(raw)
        if len(key) <= LARGEST and self._again(key):
            self._keep(key, opening, head, digits)
        return opening

    def _again(self, key: bytes) -> bool:
        if hash(key) in self._seen:
            return True
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen.add(hash(key))
        return False

    def _keep(self, key: bytes, opening: Opening, head: RequestHead, digits: bytes) -> None:
        sent, said = [opening.sent], [opening.told]
        if digits:
            marked = [(name, self._mark if name == b"content-length" else value) for name, value in head.headers]
            sent, said = (each.split(self._mark) for each in self._written(head._replace(headers=marked)))
        if len(sent) == len(said) == 1 + bool(digits):
            self._known.pop(key, None)
            while len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = _Known(opening, sent, said, self._keys.learnt)

    def _written(self, head: RequestHead) -> tuple[bytes, bytes]:
        """A head as it goes upstream, and as it goes into the log."""
        path = self._where.prefix + head.target
        asked = Asked(head.method.decode(), path, head.headers, self._where.origin)
        return forwarded(head, path, self._where.authority), orjson.dumps(told(asked, self._keys))


def _apart(raw: bytes) -> tuple[bytes, bytes]:
    """A head without the digits of its Content-Length, and these; the head itself where they do not stand alone."""
    for name in _LENGTHS:
        at = raw.find(name)
        if at >= 0:
            start = at + len(name)
            end = raw.find(b"\r\n", start)
            digits = raw[start:end]
            if digits.isdigit() and len(digits) < 19:
                return raw[:start] + _CUT + raw[end:], digits
    return raw, b""
