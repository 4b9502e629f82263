"""The gate of plain rules: lengths, words that must and must not stand in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard, Stateless, strings
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds on the words of a row's text, and words of a brand or a law that must stand in it or must not.

    min_words, max_words: of all that the row says. contains: each must stand somewhere in the row.
    without: none may. Case and white space do not count; these are words, not patterns.
    """

    id: ClassVar[str] = "rules"
    rank: ClassVar[int] = 10
    costly: ClassVar[bool] = False

    min_words: int = 1
    max_words: int = 0
    contains: Sequence[str] = ()
    without: Sequence[str] = ()

    def guard(self, context: Context) -> Guard:
        if self.max_words and self.max_words < self.min_words:
            raise UsageError("rules: max_words is less than min_words", "swap them, or leave one out")
        wanted, banned = _normal(self.contains), _normal(self.without)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            said = {name: value for name, value in row.fields.items() if name != "label"}
            text = normal_text("\n".join(strings(said)))
            count = len(text.split())
            if count < self.min_words or (self.max_words and count > self.max_words):
                return f"it has {count:,} words, not {self.min_words:,} to {self.max_words or 'any number'}"
            missing = next((each for each in wanted if each not in text), "")
            found = next((each for each in banned if each in text), "")
            return f"it lacks '{missing}'" if missing else f"it holds '{found}'" if found else ""

        return Stateless(self.id, judge)


def _normal(words: Sequence[str]) -> list[str]:
    if isinstance(words, str):
        raise UsageError("rules: a list of words is wanted, not one text", "write [word, other words]")
    return [normal_text(each) for each in words]
