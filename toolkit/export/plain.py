"""Rows as they came, or in another row format of our own: for people and other tools, without a target's rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from toolkit.core import parts
from toolkit.core.errors import NotFit, UsageError
from toolkit.core.jsontext import Value, parse, written
from toolkit.core.types import Parsed, Turn
from toolkit.export.convert import Block, Converted

SAME = "same"
LOSES = {
    ("preference", "messages"): "the rejected answers",
    ("unpaired-preference", "messages"): "whether an answer is wanted",
    ("text", "messages"): "nothing, but a document has no question and answer",
}


@dataclass
class Plain:
    """Rows of one row format written in another, or with `same` as they are. source: a format with its options."""

    source: tuple[str, Mapping[str, Any]]
    to: str

    def check(self) -> None:
        """Raise UsageError where the other format cannot hold the rows."""
        lost = LOSES.get((self.source[0], self.to))
        if lost:
            what = f"{self.source[0]} rows as {self.to} would lose {lost}"
            raise UsageError(what, f"export them --to {SAME}, or to a target that takes them: toolkit parts targets")

    @cached_property
    def reader(self) -> Any:
        return parts.build("formats", *self.source)

    @cached_property
    def writer(self) -> Any:
        return parts.build("formats", self.to)

    def block(self, block: Block) -> Converted:
        lines = block.lines if self.to in (SAME, self.source[0]) else [self._line(line) for line in block.lines]
        data = b"".join(part for line in lines for part in (line, b"\n"))
        return Converted(data, len(lines), Counter(), [], [], frozenset(), frozenset())

    def _line(self, line: bytes) -> bytes:
        found = parse(line)
        if not isinstance(found, Value):
            raise NotFit(f"a row of the split does not parse: {found.reason}", "split the run again")
        return written(self.writer.write(_as_chat(self.reader.parse(found.value), self.to)))


def _as_chat(parsed: Parsed, to: str) -> Parsed:
    """A classification row as a conversation: the label is the answer."""
    if to in ("text-label", "unpaired-preference", "stepwise") or parsed.label is None:
        return parsed
    if any(turn.role == "assistant" for turn in parsed.turns):
        return parsed._replace(label=None)
    return parsed._replace(turns=[*parsed.turns, Turn("assistant", parsed.label)], label=None)
