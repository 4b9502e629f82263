"""The gate of plain rules: lengths, words that must and must not stand in a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.errors import UsageError, unknown
from toolkit.core.gating import Context, Guard, Stateless, strings
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text
from toolkit.core.types import JSON


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds on the words of a row's text, and words of a brand or a law that must stand in it or must not.

    of: `row` for all that the row says, its label and tool list apart, or `answer` for what the assistant says in it
    (of a pair, the chosen answer). min_words, max_words: of that. contains: each must stand somewhere in it.
    without: none may. Case and white space do not count; these are words, not patterns.
    """

    id: ClassVar[str] = "rules"
    rank: ClassVar[int] = 10
    costly: ClassVar[bool] = False

    min_words: int = 1
    max_words: int = 0
    contains: Sequence[str] = ()
    without: Sequence[str] = ()
    of: str = "row"

    def guard(self, context: Context) -> Guard:
        if self.max_words and self.max_words < self.min_words:
            raise UsageError("rules: max_words is less than min_words", "swap them, or leave one out")
        if self.of not in SIDES:
            raise unknown("side of rules:", self.of, SIDES)
        wanted, banned = _normal(self.contains), _normal(self.without)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            text = normal_text("\n".join(SIDES[self.of](row.fields)))
            count = len(text.split())
            if count < self.min_words or (self.max_words and count > self.max_words):
                return f"it has {count:,} words, not {self.min_words:,} to {self.max_words or 'any number'}"
            missing = next((each for each in wanted if each not in text), "")
            found = next((each for each in banned if each in text), "")
            return f"it lacks '{missing}'" if missing else f"it holds '{found}'" if found else ""

        return Stateless(self.id, judge)


def _row(fields: Mapping[str, JSON]) -> Iterator[str]:
    messages = fields.get("messages")
    for each in messages if isinstance(messages, list) else ():
        yield from strings({name: each[name] for name in SAID if name in each} if isinstance(each, Mapping) else each)
    yield from strings({name: value for name, value in fields.items() if name not in ("label", "tools", "messages")})


def _answer(fields: Mapping[str, JSON]) -> Iterator[str]:
    """What the assistant says; of a row without one, its text."""
    messages = fields.get("messages")
    if isinstance(messages, list):
        told = [each for each in messages if isinstance(each, Mapping) and each.get("role") == "assistant"]
        yield from (str(each.get("content") or "") for each in told)
        return
    name = next((name for name in ("completion", "chosen", "text") if name in fields), "")
    yield str(fields.get(name, ""))


SAID = ("content", "tool_calls")
SIDES = {"row": _row, "answer": _answer}


def _normal(words: Sequence[str]) -> list[str]:
    if isinstance(words, str):
        raise UsageError("rules: a list of words is wanted, not one text", "write [word, other words]")
    return [normal_text(each) for each in words]
