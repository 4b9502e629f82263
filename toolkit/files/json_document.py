"""JSON that is not one object a line: an array of rows, a pretty-printed object, objects in a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.jsontext import Malformed, Value, parse
from toolkit.core.records import Record, Source
from toolkit.store import streams

TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]",]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """A JSON array of rows, or whole JSON values one after another, split without reading the file whole.

    A row that does not parse costs that row alone, as long as its brackets balance.
    """

    id: ClassVar[str] = "json"

    def claims(self, source: Source) -> int:
        start = source.head.lstrip()[:1]
        if source.path is None or start not in (b"[", b"{"):
            return 0
        whole = source.head.split(b"\n")
        if len(source.head) >= streams.HEAD:
            whole.pop()
        filled = [line.strip() for line in whole[:20] if line.strip()]
        if start == b"[" and (len(filled) <= 1 or filled[0] == b"["):
            return 5
        return 5 if filled and not any(map(_is_line, filled)) else 0

    def records(self, source: Source) -> Iterator[Record]:
        assert source.path is not None  # noqa: S101 - claims() took only sources with a path
        stream = streams.open_stream(source.path)
        source.counts = "row"
        position = 0
        for position, text in enumerate(_values(stream.chunks()), 1):
            yield Record(position, text)
        if stream.broken:
            yield Record(position + 1, b"", error=Malformed("truncated-file", stream.broken))
        source.notes.extend(stream.notes)


def _is_line(text: bytes) -> bool:
    """Whether a line stands by itself: one JSON object or list, or something broken in the place of one."""
    found = parse(text)
    if isinstance(found, Value):
        return isinstance(found.value, dict | list) and len(text) > 1
    return found.code != "concatenated" and text[:1] == b"{" and text[-1:] == b"}"


def _values(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The text of every element of a top-level array, or of every top-level value.

    The buffer holds one element; it is read on in doubling steps, so that a huge string is scanned
    a constant number of times.
    """
    buffer = b""
    splitter = _Splitter()
    want = 0
    for piece in pieces:
        buffer += piece
        if len(buffer) < want:
            continue
        yield from splitter.feed(buffer)
        buffer = buffer[splitter.done :]
        splitter.rebase()
        want = 2 * len(buffer)
    yield from splitter.feed(buffer)
    rest = buffer[splitter.done :].strip().strip(b",").strip()
    if rest and rest != b"]":
        yield rest


@dataclass(slots=True)
class _Splitter:
    """Where in the buffer the scan stands. base: depth of the elements, 1 inside a top-level array."""

    depth: int = 0
    base: int = 0
    started: bool = False
    at: int = 0
    done: int = 0
    seen: bool = False

    def feed(self, buffer: bytes) -> Iterator[bytes]:
        for token in TOKEN.finditer(buffer, self.at):
            mark = token.group()
            if mark == b'"':  # a string whose end is not here yet
                self.at = token.start()
                return
            self.at = token.end()
            if mark in (b"{", b"["):
                self._open(mark, token.start())
            elif mark in (b"}", b"]"):
                yield from self._close(buffer, token.end())
            elif mark == b"," and self.depth == self.base:
                yield from self._comma(buffer, token.start())

    def rebase(self) -> None:
        self.at -= self.done
        self.done = 0

    def _open(self, mark: bytes, start: int) -> None:
        if not self.started and mark == b"[":
            self.base, self.depth, self.started, self.done = 1, 1, True, start + 1
            return
        self.started = True
        if self.depth == self.base:
            self.seen = True
        self.depth += 1

    def _close(self, buffer: bytes, end: int) -> Iterator[bytes]:
        if self.depth <= self.base:
            yield from self._comma(buffer, end - 1)
            self.base, self.depth, self.done = 0, 0, end
            return
        self.depth -= 1
        if self.depth == self.base:
            yield buffer[self.done : end].strip().removeprefix(b",").strip()
            self.done, self.seen = end, False

    def _comma(self, buffer: bytes, start: int) -> Iterator[bytes]:
        """A scalar element ends here; after a container only the comma itself is passed."""
        scalar = buffer[self.done : start].strip()
        if scalar:
            yield scalar
        self.done = start + 1
