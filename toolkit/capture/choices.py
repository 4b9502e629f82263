"""What users chose without saying so: the answer that they edited, the one of two that they went on with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import IO, Any

import orjson

from toolkit.core.talk import Message

ALIKE = 0.3
"""Share of words in common from which another answer in the same place is an edit of the first."""
MOST_WORDS = 2_000


@dataclass
class Choices:
    """Answers by the state of the conversation before them, as places of their rows; histories that differ from them.

    An edit is an assistant's message in a later call's history, in the place of a captured answer and other
    than it, with 30 % of its words in order (Ratcliff and Obershelp 1988); a part of the answer is none,
    since clients cut. Two answers to one prompt are a choice where later calls hold exactly one of them.
    Calls may come in any order. What is missed: edits of a client that changes earlier messages as well.
    """

    _answers: dict[bytes, list[tuple[bytes, int]]] = field(default_factory=dict)
    _told: dict[bytes, dict[bytes, Message]] = field(default_factory=dict)
    edited: set[bytes] = field(default_factory=set)
    pairs: list[dict[str, Any]] = field(default_factory=list)

    def history(self, known: Sequence[bytes], messages: Sequence[Message]) -> None:
        """A call's earlier turns and the state after each of them."""
        for at, message in enumerate(messages):
            if not at or message["role"] != "assistant":
                continue
            before, whole = known[at - 1], known[at]
            if all(whole != each for each, _ in self._answers.get(before, ())):
                self._told.setdefault(before, {})[whole] = message

    def answer(self, before: bytes, whole: bytes, place: int) -> None:
        """An answer, and where its row stands."""
        given = self._answers.setdefault(before, [])
        if all(whole != each for each, _ in given):
            given.append((whole, place))

    def settle(self, rows: IO[bytes], begun: Collection[bytes]) -> None:
        """Find the pairs, once all calls are known. begun: states that later calls go on from."""
        for before, told in self._told.items():
            given = self._answers.get(before, [])
            edits = [message for whole, message in told.items() if all(whole != each for each, _ in given)]
            if given and edits:
                self.pairs.extend(self._edit(given, edits[-1], rows, begun))
        for given in self._answers.values():
            went_on = [place for whole, place in given if whole in begun]
            left = [place for whole, place in given if whole not in begun and whole not in self.edited]
            if len(went_on) == 1 and left:
                better, worse = _row(rows, went_on[0]), _row(rows, left[-1])
                if better["messages"][-2]["role"] == "user":
                    self.pairs.append(_pair(better, better["messages"][-1], worse["messages"][-1], "went on with it"))

    def _edit(
        self, given: Sequence[tuple[bytes, int]], message: Message, rows: IO[bytes], begun: Collection[bytes]
    ) -> Iterator[dict[str, Any]]:
        free = [(whole, _row(rows, place)) for whole, place in given if whole not in begun]
        found = [(_likeness(row["messages"][-1], message), whole, row) for whole, row in free]
        likeness, whole, row = max(found, key=lambda each: each[0], default=(0.0, b"", {}))
        if likeness >= ALIKE:
            self.edited.add(whole)
            yield _pair(row, message, row["messages"][-1], "edited")


def _likeness(first: Message, second: Message) -> float:
    """Share of words in common, 0 where an answer calls tools or one holds the other whole."""
    if first.get("tool_calls") or second.get("tool_calls"):
        return 0.0
    one, other = _text(first), _text(second)
    if other in one or not other:
        return 0.0
    return SequenceMatcher(None, one.split()[:MOST_WORDS], other.split()[:MOST_WORDS], autojunk=False).ratio()


def _text(message: Message) -> str:
    content = message["content"]
    return (content if isinstance(content, str) else "".join(part["text"] for part in content)).strip()


def _row(rows: IO[bytes], place: int) -> dict[str, Any]:
    rows.seek(place)
    found: dict[str, Any] = orjson.loads(rows.readline())
    return found


def _pair(row: dict[str, Any], chosen: Message, rejected: Message, why: str) -> dict[str, Any]:
    kept = {"id": f"{row['id']}-pair", "prompt": [_plain(each) for each in row["messages"][:-1]]}
    sides = {"chosen": [_plain(chosen)], "rejected": [_plain(rejected)]}
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    return {**kept, **sides, **tools, "lineage": {**row["lineage"], "preferred_by": why}}


def _plain(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "reasoning_content"}
