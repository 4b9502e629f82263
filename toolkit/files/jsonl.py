"""JSON Lines: one JSON object a line, the form that trainers and providers take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.jsontext import Malformed
from toolkit.core.records import Record, Source
from toolkit.store import streams


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object a line, UTF-8, also compressed; a broken line costs that line alone.

    It takes any text that no other reader claims, so that a file of broken lines is read and each
    line reported, and never refused whole.
    """

    id: ClassVar[str] = "jsonl"

    def claims(self, source: Source) -> int:
        return 1 if source.path is not None else 0

    def records(self, source: Source) -> Iterator[Record]:
        assert source.path is not None  # noqa: S101 - claims() took only sources with a path
        stream = streams.open_stream(source.path)
        source.counts = "line"
        position = 0
        for position, line in enumerate(streams.lines(stream), 1):
            yield Record(position, line)
        if stream.broken:
            yield Record(position + 1, b"", error=Malformed("truncated-file", stream.broken))
        source.notes.extend(stream.notes)
