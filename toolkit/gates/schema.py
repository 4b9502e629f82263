"""The first gate: a candidate is what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text


@dataclass(frozen=True, slots=True)
class Schema:
    """An item of a reply is a row of the recipe's shape, and its text is not empty."""

    id: ClassVar[str] = "schema"
    rank: ClassVar[int] = 0
    costly: ClassVar[bool] = False

    def guard(self, context: Context) -> Guard:
        return Stateless(self.id, _judge)


def _judge(row: GeneratedRow, cell: Cell) -> str:
    if row.fault:
        return row.fault
    return "" if normal_text(row.text) else "the text is empty"
