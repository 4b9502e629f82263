"""What happens to rows between their reply and their place in the plan: costly gates, and one chance to mend.

Programs and models judge here, where many conversations go on at once; the verdicts travel with the row
and count when its turn comes. A gate that remembers, such as `dedupe`, is only asked whether it would
refuse already. What it has accepted so far stands before this row in the plan, so what it refuses now
it will refuse then, and nobody need be asked about that row.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from toolkit.core.gating import asks
from toolkit.core.request import (
    Cell,
    Conversation,
    GeneratedRow,
    Malformed,
    Message,
    Recipe,
    Reply,
    Request,
    Reviewing,
    Seed,
    Work,
)
from toolkit.generate.gates import Standing

NOT_MENDED = frozenset({"dedupe", "avoid"})
MEND = (
    "These items of the list were refused:\n{refused}\n"
    "Write the whole list again: the other items as they are, these ones corrected. Answer with the JSON list alone."
)
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A recipe with its gates behind it. repair: refused rows are shown to the model once, with the reason."""

    id: ClassVar[str] = "reviewed"
    recipe: Recipe
    gates: Sequence[Standing]
    repair: bool = False

    def cook(self, seed: Seed) -> Reviewing:
        rows, request, reply = yield from _followed(self.recipe.cook(seed))
        rows = yield from self._judged(rows, seed.cell)
        if self.repair and request.messages and any(_mendable(row) for row in rows):
            rows = yield from self._mended(rows, seed, request, reply)
        return rows

    def _judged(self, rows: Sequence[GeneratedRow], cell: Cell) -> Generator[Request | Work, Any, list[GeneratedRow]]:
        judged = []
        for row in rows:
            judged.append((yield from self._verdicts(row, cell)))  # noqa: PERF401 - a comprehension cannot yield
        return judged

    def _verdicts(self, row: GeneratedRow, cell: Cell) -> Generator[Request | Work, Any, GeneratedRow]:
        """The row with what costly gates said; nobody is asked once a gate has refused."""
        told: dict[str, str] = {}
        for gate in self.gates:
            if asks(gate.guard):
                reason = yield from gate.guard.ask(row, cell)
            elif gate.blocks:
                reason = yield Work(partial(gate.guard.judge, row, cell))
            else:
                reason = gate.guard.judge(row, cell)
            # What a remembering gate lets pass now it may refuse when the row's turn comes.
            if gate.costly or (reason and gate.id not in NOT_MENDED):
                told[gate.id] = reason
            if reason:
                break
        return replace(row, verdicts=told)

    def _mended(
        self, rows: list[GeneratedRow], seed: Seed, request: Request, reply: Reply
    ) -> Generator[Request | Work, Any, list[GeneratedRow]]:
        """The rows with refused ones replaced by what the model made of them when it was told why."""
        refused = "\n".join(f"- item {nth}: {_reason(row)}" for nth, row in enumerate(rows, 1) if _mendable(row))
        added = (Message("assistant", reply.text), Message("user", MEND.format(refused=refused)))
        again = self.recipe.cook(seed)
        next(again)  # its first request was asked already; the mended list is the reply to it
        answer = yield replace(request, messages=(*request.messages, *added))
        try:
            fresh, _, _ = yield from _followed(again, answer)
        except Malformed:
            return rows
        if len(fresh) != len(rows):
            return rows
        mended = []
        for old, new in zip(rows, fresh, strict=True):
            mended.append((yield from self._verdicts(_marked(new), seed.cell)) if _mendable(old) else old)
        return mended


def _followed(conversation: Conversation, reply: Reply | None = None) -> Generator[Request, Reply, Any]:
    """The rows of a conversation, its first request and the reply that the rows were read from.

    reply: the answer to a first request that was asked already.
    """
    first: Request | None = None
    try:
        request = next(conversation) if reply is None else conversation.send(reply)
        while True:
            first = first or request
            answer = yield request
            # What a tool of the user's returned is no reply that rows are read from.
            reply = answer if isinstance(answer, Reply) else reply
            request = conversation.send(answer)
    except StopIteration as done:
        return list(done.value), first or Request(), reply or Reply("")


def _mendable(row: GeneratedRow) -> bool:
    return bool(_reason(row))


def _reason(row: GeneratedRow) -> str:
    return next((f"{reason[:SHOWN]} ({gate})" for gate, reason in row.verdicts.items() if reason), "")


def _marked(row: GeneratedRow) -> GeneratedRow:
    return replace(row, lineage={**row.lineage, "repaired": True})
