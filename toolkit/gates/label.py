"""The gate of labels: a candidate carries the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow


@dataclass(frozen=True, slots=True)
class Label:
    """A candidate's own label is the one that its cell asked for.

    It reads what the model wrote down; whether the text is of that class is the question of
    `round-trip`.
    """

    id: ClassVar[str] = "label"
    rank: ClassVar[int] = 20
    costly: ClassVar[bool] = False

    def guard(self, context: Context) -> Guard:
        known = frozenset(context.labels)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            if row.label not in known:
                return f"the label '{row.label}' is not in the recipe"
            return "" if row.label == cell.label else f"asked for '{cell.label}', came as '{row.label}'"

        return Stateless(self.id, judge)
