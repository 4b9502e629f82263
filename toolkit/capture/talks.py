"""Rows on their way out: kept aside until it is known which conversation goes on in which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from toolkit.capture.choices import Choices
from toolkit.capture.thread import states
from toolkit.core.jsontext import written
from toolkit.core.talk import Message

EARLIER, AGAIN = "an earlier part of a longer conversation", "the same conversation again"
EDITED = "an answer that its reader edited"


@dataclass
class Talks:
    """Conversations in the order in which they are added, which need not be that of time.

    aside: an empty file for their rows. tag: what the adder wants back with its row.
    """

    aside: IO[bytes]
    waiting: list[tuple[bytes, Any]] = field(default_factory=list)
    begun: set[bytes] = field(default_factory=set)
    choices: Choices = field(default_factory=Choices)
    size: int = 0

    def known(self, messages: Sequence[Message]) -> list[bytes]:
        """The states of what was asked; its earlier answers are looked at for edits."""
        known = list(states(messages))
        self.choices.history(known, messages)
        return known

    def add(self, row: Mapping[str, Any], known: Sequence[bytes], tag: Any, *, given: bool = True) -> None:
        """A row and the states after each of its messages. given: whether the model itself gave the answer."""
        asked, whole = known[:-1], known[-1]
        said = zip(asked, row["messages"], strict=False)
        self.begun.update(state for state, each in said if each["role"] == "assistant")
        if asked and given:
            self.choices.answer(asked[-1], whole, self.size)
        self.waiting.append((whole, tag))
        self.size += self.aside.write(written(row) + b"\n")

    def settled(self) -> Iterator[tuple[Any, bytes, str]]:
        """Each row with its tag, and why it stays out: empty for the longest call of its conversation."""
        seen: set[bytes] = set()
        self.choices.settle(self.aside, self.begun)
        self.aside.seek(0)
        for (whole, tag), line in zip(self.waiting, self.aside, strict=True):
            why = AGAIN if whole in seen else EARLIER if whole in self.begun else ""
            why = why or (EDITED if whole in self.choices.edited else "")
            seen.add(whole)
            yield tag, line, why
