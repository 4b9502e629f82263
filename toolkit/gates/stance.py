"""The gate of stance: what was to be answered is answered, what was to be declined is declined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text

REFUSES = ("refusal", "as-an-ai")


@dataclass(frozen=True, slots=True)
class Stance:
    """A row that is to be declined reads as a refusal to the check `refusal`, one to be answered does not.

    The check knows refusals by their usual wording in ten languages, so a row that declines in other words is
    refused here and made anew. declines: openings of your own that decline, in your words or language.
    least_words: of an answer; an evasion in three words is none.
    """

    id: ClassVar[str] = "stance"
    rank: ClassVar[int] = 63
    costly: ClassVar[bool] = False

    least_words: int = 4
    declines: Sequence[str] = ()

    def guard(self, context: Context) -> Guard:
        own = tuple(normal_text(each) for each in self.declines)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            wanted = row.proof.get("stance")
            if wanted not in ("answer", "decline"):
                return ""
            answer = str(row.proof.get("answer", ""))
            known = any(each.kind in REFUSES for each in context.look("refusal", row.fields))
            declines = known or bool(own and normal_text(answer).startswith(own))
            if declines != (wanted == "decline"):
                return "it declines what is to be answered" if declines else "it answers what is to be declined"
            few = len(answer.split()) < self.least_words
            return f"its answer has under {self.least_words} words" if few else ""

        return Stateless(self.id, judge)
