"""The gate of length: in a pair, the longer answer is not always the better one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text


@dataclass(frozen=True, slots=True)
class LengthControl:
    """The side of a pair that was to be the longer one is, and neither is over `most` times the other.

    The recipe asks for a longer chosen answer in one request and a longer rejected one in the next; with
    both kept apart by this gate, length says nothing about which answer is better. Method: balancing by
    design instead of the correction afterwards of Dubois et al. (2024). Both answers must also differ.
    """

    id: ClassVar[str] = "length-control"
    rank: ClassVar[int] = 62
    costly: ClassVar[bool] = False

    most: float = 4.0

    def guard(self, context: Context) -> Guard:
        return Stateless(self.id, self._judge)

    def _judge(self, row: GeneratedRow, cell: Cell) -> str:
        longer = row.proof.get("longer")
        if longer not in ("chosen", "rejected"):
            return ""
        sides = {name: normal_text(str(row.proof.get(name, ""))) for name in ("chosen", "rejected")}
        if not all(sides.values()) or sides["chosen"] == sides["rejected"]:
            return "its two answers are the same, or one is empty"
        long, short = sides[str(longer)], sides["rejected" if longer == "chosen" else "chosen"]
        if len(long) <= len(short):
            return f"the {longer} answer was to be the longer one"
        return f"one answer is over {self.most:g} times the other" if len(long) > self.most * len(short) else ""
