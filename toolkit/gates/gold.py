"""The gate of gold: an extraction row says in its text what its gold record holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.json_schema import misfits
from toolkit.core.quotes import WORD
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text


@dataclass(frozen=True, slots=True)
class Gold:
    """Every value of the gold record stands in the text as whole words, and the record fits its schema.

    The record comes first and the text is written around it, so the answer is right if the text holds
    it. true, false and null are not looked for: a text says them in words of its own. A `judge` or a
    second model reads those. Rows without a record pass.
    """

    id: ClassVar[str] = "gold"
    rank: ClassVar[int] = 61
    costly: ClassVar[bool] = False

    def guard(self, context: Context) -> Guard:
        return Stateless(self.id, _judge)


def _judge(row: GeneratedRow, cell: Cell) -> str:
    if "gold" not in row.proof:
        return ""
    gold, planned = row.proof["gold"], row.proof.get("planned")
    if planned is not None and gold != planned:
        return "its record is another than the one that was given"
    wrong = misfits(orjson.dumps(row.proof.get("schema", {})), gold)
    if wrong:
        return f"its record does not fit the schema: {wrong[0].reason}"
    text = f" {_words(str(row.proof.get('text', '')))} "
    missing = next((name for name, value in _values(gold) if f" {_words(value)} " not in text), "")
    return f"the text does not hold the value of '{missing}'" if missing else ""


def _values(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text and number of a record with the path to it."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _values(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield name, str(value)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _values(each, name)


def _words(text: str) -> str:
    return " ".join(WORD.findall(normal_text(text)))
