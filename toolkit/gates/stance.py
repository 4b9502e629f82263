"""The gate of stance: what was to be answered is answered, what was to be declined is declined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import normal_text

REFUSES = ("refusal", "as-an-ai")
OPENS = re.compile(
    r"(?i)\W*(?:(?:(?:i(?:'|’)m |i am )?sorry|unfortunately|es tut mir leid|tut mir leid|leider|lo siento|lo lamento"
    r"|désolée?|je suis désolée?|mi dispiace|sinto muito|desculpe)\b\W+(?:(?:but|aber|pero|mais|ma|mas)\b\W+)?)?"
    r"(?:i (?:can(?:'|’)?t|cannot|can not|won(?:'|’)t|will not|must not)|i(?:'|’)m (?:unable|not able|not allowed)"
    r"|i am (?:unable|not able|not allowed)|ich (?:kann|darf|werde)(?: \w+){0,3} nicht"
    r"|(?:(?:das|dies|dabei|hierbei|damit|dazu|darüber|hier) )?(?:kann|darf|werde) ich(?: \w+){0,3} nicht"
    r"|no (?:puedo|debo)|je ne (?:peux|dois) pas|non posso|não posso)\b"
)


@dataclass(frozen=True, slots=True)
class Stance:
    """A row that is to be declined reads as a refusal to the check `refusal`, one to be answered does not.

    The check knows refusals by their usual wording in ten languages; where one is wanted, an opening that says
    "I cannot" in six of them is one too. A row that declines in other words is refused here and made anew.
    declines: openings of your own that decline, in your words or language.
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
            said = bool(own and normal_text(answer).startswith(own))
            declines = known or said or (wanted == "decline" and OPENS.match(answer) is not None)
            if declines != (wanted == "decline"):
                return "it declines what is to be answered" if declines else "it answers what is to be declined"
            few = len(answer.split()) < self.least_words
            return f"its answer has under {self.least_words} words" if few else ""

        return Stateless(self.id, judge)
