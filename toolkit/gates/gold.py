"""The gate of gold: an extraction row says in its text what its gold record holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import orjson

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.json_schema import misfits
from toolkit.core.quotes import missing
from toolkit.core.request import Cell, GeneratedRow


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
    name = missing(gold, str(row.proof.get("text", "")))
    return f"the text does not hold the value of '{name}'" if name else ""
