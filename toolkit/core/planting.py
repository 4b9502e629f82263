"""Rows to be spoiled on purpose, and how a defect changes one without changing its shape.

A self-test plants known defects into a copy of the user's rows and counts which of them are found. A
part of the shelf `defects` makes them: its `tests` is the id of a check, its `ways()` are functions
from a row to the line that takes its place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, NamedTuple, Protocol

from toolkit.core import turns
from toolkit.core.jsontext import Malformed, parse, written
from toolkit.core.types import Parsed


class Spoiled(NamedTuple):
    """A line of the planted copy. adds: it is a further row, not the row itself."""

    line: bytes
    adds: bool = False


class Tested(NamedTuple):
    """How a check did in the self-test: recall and its 95 % interval, precision where anything was flagged anew."""

    planted: int
    recall: float
    low: float
    high: float
    precision: float | None

    @property
    def words(self) -> str:
        told = f"recall {self.recall:.2f} on {self.planted:,} planted"
        return told if self.precision is None else f"{told}, precision {self.precision:.2f}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the user's file: its JSON value, the format that reads it, and what that read."""

    value: Mapping[str, Any]
    form: Any
    parsed: Parsed

    @property
    def prompt(self) -> str:
        """The content of the last turn that is neither an answer nor a tool's; of plain text the text."""
        return next((t.content or "" for t in reversed(self.parsed.turns) if t.role in ("user", "text")), "")

    @property
    def answer(self) -> str:
        """The final answer, empty where the row has none in words."""
        last = self.parsed.turns[-1] if self.parsed.turns else None
        return last.content or "" if last is not None and last.role == "assistant" else ""

    @property
    def label(self) -> str | None:
        return self.parsed.label

    @property
    def label_key(self) -> str | None:
        """The column that holds the label of a classification row."""
        if self.label is None or self.form.id != "text-label":
            return None
        found = [key for key, each in self.value.items() if each == self.label or turns.as_json(each) == self.label]
        return found[-1] if found else None

    def draft(self) -> dict[str, Any]:
        """A copy of the value to change."""
        return copy.deepcopy(dict(self.value))

    def edit(self, part: str, change: Callable[[str], str], *, adds: bool = False) -> Spoiled | None:
        """The row with its `prompt`, `answer` or `text` (the answer where there is one) changed, where it stands.

        None where the row has no such text, or holds it in pieces.
        """
        old = {"prompt": self.prompt, "answer": self.answer, "text": self.answer or self.prompt}[part]
        draft = self.draft()
        if not old or not _replace(draft, old, change):
            return None
        return Spoiled(written(draft), adds)

    def with_value(self, **values: Any) -> Spoiled:
        """The row with some of its columns set."""
        return Spoiled(written({**self.value, **values}))

    def again(self, **values: Any) -> Spoiled:
        """A further row, the same but for some columns."""
        return Spoiled(written({**self.value, **values}), adds=True)


class Around(NamedTuple):
    """What a defect may use besides the row. others: clean rows of the sample. held: the rows of the reference."""

    rng: Random
    others: Sequence[Row]
    held: Sequence[Row]

    def other(self, fits: Callable[[Row], object] = bool) -> Row | None:
        """A random row that fits; None after forty that do not."""
        for _ in range(40 if self.others else 0):
            found = self.rng.choice(self.others)
            if fits(found):
                return found
        return None


Way = Callable[[Row, Around], "Spoiled | None"]


class Defect(Protocol):
    """A part of the shelf: the check that it tests, by id or code, and the ways in which it spoils a row.

    A way answers None where the row does not suit it; another row is tried then.
    """

    id: ClassVar[str]
    tests: ClassVar[str]

    def ways(self) -> Mapping[str, Way]: ...


def row_of(raw: str, form: Any) -> Row | None:
    """A row from its JSON text, None where it is no object."""
    read = parse(raw.encode(errors="replace"))
    if isinstance(read, Malformed) or not isinstance(read.value, dict):
        return None
    return Row(read.value, form, form.parse(read.value))


def message_list(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The list of messages in a row's value, itself and no copy; None where the row is not made of messages."""
    for each in value.values():
        if isinstance(each, list) and each and all(isinstance(m, dict) and ("role" in m or "from" in m) for m in each):
            return each
    return None


def _replace(value: Any, old: str, change: Callable[[str], str]) -> bool:
    """Change the last string that is `old`, in place; or the only part of it, as alpaca's instruction."""
    if isinstance(value, dict):
        places = [(key, value[key]) for key in reversed(value)]
    elif isinstance(value, list):
        places = [(at, value[at]) for at in reversed(range(len(value)))]
    else:
        return False
    for place, each in places:
        if isinstance(each, str) and (each == old or (place == "instruction" and each and old.startswith(each))):
            value[place] = change(each)
            return True
        if _replace(each, old, change):
            return True
    return False
