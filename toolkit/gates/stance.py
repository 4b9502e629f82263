"""The gate of stance: what was to be answered is answered, what was to be declined is declined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow

REFUSES = ("refusal", "as-an-ai")


@dataclass(frozen=True, slots=True)
class Stance:
    """A row that is to be declined reads as a refusal to the check `refusal`, one to be answered does not.

    The check knows refusals by their English wording, so a row that declines in other words is refused
    here and made anew. `least_words` of what is answered: an evasion in three words is no answer.
    """

    id: ClassVar[str] = "stance"
    rank: ClassVar[int] = 63
    costly: ClassVar[bool] = False

    least_words: int = 4

    def guard(self, context: Context) -> Guard:
        def judge(row: GeneratedRow, cell: Cell) -> str:
            wanted = row.proof.get("stance")
            if wanted not in ("answer", "decline"):
                return ""
            declines = any(each.kind in REFUSES for each in context.look("refusal", row.fields))
            if declines != (wanted == "decline"):
                return "it declines what is to be answered" if declines else "it answers what is to be declined"
            few = len(str(row.proof.get("answer", "")).split()) < self.least_words
            return f"its answer has under {self.least_words} words" if few else ""

        return Stateless(self.id, judge)
