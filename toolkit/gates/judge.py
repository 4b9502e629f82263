"""The gate of a judge: a model reads the row and says whether it may stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import loose
from toolkit.core.errors import UsageError, unknown
from toolkit.core.gating import Context, Guard, Question
from toolkit.core.jsontext import written
from toolkit.core.marked import FENCED, fenced
from toolkit.core.request import Cell, GeneratedRow, Message, Request, Seed

YES_NO = {"true": True, "yes": True, "false": False, "no": False}
CRITERIA = "It is correct, complete, clear, and useful for training a model."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "accept": {"type": "boolean"}},
    "required": ["reason", "accept"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Judge:
    """A model of the recipe's `models` is shown the row and your criteria, and accepts or refuses with a reason.

    by: its name, best another model than the one that writes: a model is lenient with its own. ask: the
    criteria in your words. A judge errs: audit a sample of what it lets pass before you trust its rate.
    The reason is asked for before the verdict, and the row is fenced as data. Missed: facts that the
    judge does not know.
    """

    id: ClassVar[str] = "judge"
    rank: ClassVar[int] = 95
    costly: ClassVar[bool] = True

    by: str = ""
    ask: str = CRITERIA

    def guard(self, context: Context) -> Guard:
        if not self.by:
            raise UsageError("the gate judge names no model", "write {judge: {by: MODEL}} and list it under `models`")
        if self.by not in context.models:
            raise unknown("model of judge:", self.by, context.models)
        return _Judge(self.by, self.ask)


@dataclass(slots=True)
class _Judge:
    id: ClassVar[str] = "judge"
    to: str
    criteria: str

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        return "it was not asked about"

    def keep(self, row: GeneratedRow) -> None:
        """Nothing to remember."""

    def ask(self, row: GeneratedRow, cell: Cell) -> Question:
        system = f"You judge rows of training data by criteria. {FENCED}"
        asked = (
            f"The criteria: {self.criteria}\nIt was made for: {cell.name}.\n\n"
            f"{fenced(written(dict(row.fields)).decode())}\n\n"
            'Answer with JSON alone: {"reason": "one sentence", "accept": true or false}.'
        )
        messages = (Message("system", system), Message("user", asked))
        reply = yield Request(Seed(cell), messages, schema=SCHEMA, to=self.to)
        return _verdict(reply.text, self.to)


def _verdict(text: str, name: str) -> str:
    found = loose.an_object(text) or {}
    accepted = YES_NO.get(str(found.get("accept")).strip().lower())
    if accepted is None:
        return f"the judge {name} gave no verdict"
    return "" if accepted else f"the judge {name}: {str(found.get('reason', 'no reason'))[:200]}"
