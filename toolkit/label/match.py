"""Answers held against the rows that were asked: by id and hash, never by order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from toolkit.core.errors import InputError
from toolkit.sample.queue import QueueRow
from toolkit.store.labels import Decided, Key, Value

MODEL = "model:"
"""What the name of an annotator begins with that is a model: it has no vote where a person has one."""
PLACES = {"first": 0, "second": 1, "0": 0, "1": 1, "chosen": 0, "rejected": 1}


class Said(NamedTuple):
    """One answer as a file has it. hash, id: empty where the file lacks them. value: None unless answered.

    status: answered, skipped, rejected, undone, or empty where nobody has answered yet.
    """

    where: str
    id: str
    hash: str
    by: str
    value: Value | None
    status: str = "answered"


class Left(NamedTuple):
    """An answer that is not merged, and why."""

    where: str
    id: str
    why: str


class Votes(NamedTuple):
    """What annotators say of one row that was asked: a value each, None for rejected."""

    row: QueueRow
    of: dict[str, Value | None]


class Matched(NamedTuple):
    """votes: by row, in the order of the queue; rows whose answers were all taken back have none.

    left: answers to other rows. skipped, waiting: rows that people passed over, or have said nothing of.
    again: answers to rows of earlier queues, which are merged already.
    """

    votes: dict[Key, Votes]
    left: list[Left]
    skipped: int
    waiting: int
    again: int


def match(said: Iterable[Said], rows: Sequence[QueueRow], known: Mapping[Key, Decided]) -> Matched:
    """The votes on each row, those of earlier merges among them; of each annotator the last word counts.

    Raises InputError for a value that cannot be an answer to its row.
    """
    place = _Places(rows)
    left: list[Left] = []
    last: dict[tuple[Key, str], tuple[QueueRow, Said]] = {}
    again = 0
    for each in said:
        if not each.status:
            continue
        if isinstance(found := place.of(each), QueueRow):
            last.pop(((found.id, found.hash), each.by), None)
            last[(found.id, found.hash), each.by] = found, each
        elif (each.id, each.hash) in known:
            again += 1
        else:
            left.append(Left(each.where, each.id or each.hash, found))
    votes = _votes(last, known, rows)
    skipped = {key for (key, _), (_, each) in last.items() if each.status == "skipped"} - votes.keys()
    return Matched(votes, left, len(skipped), len(rows) - len(votes) - len(skipped), again)


class _Places:
    """The rows of a queue by what an answer may name them with."""

    def __init__(self, rows: Sequence[QueueRow]) -> None:
        self.by_id = {row.id: row for row in rows}
        shared = Counter(row.hash for row in rows)
        self.by_hash = {row.hash: row for row in rows if shared[row.hash] == 1}

    def of(self, said: Said) -> QueueRow | str:
        """The row that an answer speaks of, or why there is none."""
        if not said.id:
            return self.by_hash.get(said.hash) or "its hash is of no row of the queue"
        row = self.by_id.get(said.id)
        if row is None:
            return "its id is not in the queue"
        if not said.hash:
            return "it has no hash: nobody can tell which text was answered"
        return row if row.hash == said.hash else "the text of the row has changed since it was asked"


def _votes(
    last: Mapping[tuple[Key, str], tuple[QueueRow, Said]], known: Mapping[Key, Decided], rows: Sequence[QueueRow]
) -> dict[Key, Votes]:
    found = {(row.id, row.hash): Votes(row, {}) for row in rows}
    for key, each in found.items():
        each.of.update(known[key].said if key in known else {})
    for (key, by), (row, said) in last.items():
        of = found[key].of
        if said.status == "answered":
            of[by] = value_of(row, said)
        elif said.status == "rejected":
            of[by] = None
        elif said.status == "undone":
            of.pop(by, None)
    for votes in found.values():
        _people_first(votes.of)
    return {key: each for key, each in found.items() if each.of or key in known}


def _people_first(votes: dict[str, Value | None]) -> None:
    models = [by for by in votes if by.startswith(MODEL)]
    if len(models) < len(votes):
        for by in models:
            del votes[by]


def value_of(row: QueueRow, said: Said) -> Value:
    """The value in the form of the row's kind. Raises InputError for what cannot be one."""
    value = said.value
    if row.kind != "preference":
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{said.where}: the answer to {row.id} is no text", "write a label or an answer as text")
        return value.strip() if row.kind == "class" else value
    chosen = PLACES.get(value.strip().lower(), -1) if isinstance(value, str) else value
    drafts = len((row.draft or {}).get("answers", ()))
    if not isinstance(chosen, int) or isinstance(chosen, bool) or not 0 <= chosen < drafts:
        what = f"{said.where}: the answer to {row.id} chooses none of its {drafts} drafts: {str(value)[:40]!r}"
        raise InputError(what, "first or second, or the place of the draft from 0")
    return chosen
