"""The gate of queries: SQL that was run, with a result that something else confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow
from toolkit.runners.queries import Failed, Result, Room

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Query:
    """The tables of a row are made in DuckDB, its query runs there, and the result is the expected one.

    Expected is what the row's `answer` says, or what a second query returns that was written for the
    same question without sight of the first. Order counts where the query orders. An empty result, or
    one of nulls alone, is refused: it would confirm any wrong filter. The database is in memory and
    reaches no file. Missed: two queries with the same mistake, and questions that mean something else.
    """

    id: ClassVar[str] = "query"
    rank: ClassVar[int] = 70
    costly: ClassVar[bool] = True
    blocks: ClassVar[bool] = True

    def guard(self, context: Context) -> Guard:
        return Stateless(self.id, _judge)


def _judge(row: GeneratedRow, cell: Cell) -> str:
    proof = row.proof
    if "query" not in proof:
        return ""
    try:
        room = Room(str(proof.get("setup", "")))
    except Failed as failure:
        return f"its tables cannot be made: {failure}"
    with room:
        return _run(room, proof)


def _run(room: Room, proof: Mapping[str, Any]) -> str:
    try:
        found = room.ask(str(proof["query"]))
    except Failed as failure:
        return f"its query does not run: {failure}"
    if not any(value is not None for values in found.rows for value in values):
        return "its query returns nothing"
    return _confirmed(room, found, proof)


def _confirmed(room: Room, found: Result, proof: Mapping[str, Any]) -> str:
    ordered = "order by" in str(proof["query"]).lower()
    own = _plain(found.rows, ordered)
    if proof.get("answer") is not None:
        answer = _plain(_table(proof["answer"]), ordered)
        return "" if own == answer else f"its query returns {str(own)[:80]}, its answer is {str(answer)[:80]}"
    if not proof.get("second"):
        return "there is neither an answer nor a second query to compare with"
    try:
        other = room.ask(str(proof["second"]))
    except Failed as failure:
        return f"the second query does not run: {failure}"
    same = own == _plain(other.rows, ordered) or sorted(map(str, own)) == sorted(map(str, _plain(other.rows, False)))
    return "" if same else "a second query for the same question returns something else"


def _table(answer: Any) -> list[tuple[Any, ...]]:
    """An answer as rows: one value, one row, or a list of rows."""
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        return [(answer,)]
    if all(isinstance(each, Sequence) and not isinstance(each, str) for each in answer):
        return [tuple(each) for each in answer]
    return [tuple(answer)]


def _plain(rows: Sequence[Sequence[Any]], ordered: bool) -> list[tuple[str, ...]]:
    """Rows as texts that compare: numbers to six digits after the point."""
    found = [tuple(_value(each) for each in row) for row in rows]
    return found if ordered else sorted(found)


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float | Decimal):
        return f"{round(float(value), DIGITS):g}" if abs(float(value)) < 10**DIGITS else f"{float(value):.2f}"
    return str(value)
