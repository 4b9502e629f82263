"""S03: roles and their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.turns import ROLES
from toolkit.core.types import Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

CHAT = (
    "messages", "messages-column", "sharegpt", "alpaca", "bedrock", "vertex", "prompt-completion", "preference",
    "unpaired-preference",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Roles:
    """A conversation has known roles in a sensible order and ends with an answer to train on.

    Found: no messages, a turn that is no object, a missing or unknown role, a system turn after the
    first, the same speaker twice in a row (an assistant that called tools apart), a conversation
    without an assistant, one that does not end with the assistant, one that an assistant opens, and
    one in which every answer is marked as not trained on. Axolotl, LLaMA-Factory and TRL drop or
    mistrain such rows, each in its own way and without a word.

    Missed: roles that are right by name and wrong by content. Not applicable to plain text and to
    text with labels. Example: user, user, assistant.
    """

    id: ClassVar[str] = "roles"
    code: ClassVar[str] = "S03"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("format", "turns")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        chats = batch.filter(pc.is_in(batch.column("format").cast(pa.string()), value_set=pa.array(CHAT)))
        if not len(chats):
            return
        turns = _Turns(chats)
        yield from _each_turn(turns)
        yield from _order(turns)
        yield from _whole(turns)


class _Turns:
    """The turns of a batch as flat arrays, shape (n_turns,), and each row's first and last turn."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows = batch.column("row").to_numpy()
        self.of = cols.turn_rows(batch)
        role = cols.turn_field(batch, "role")
        self.role = role.to_numpy(zero_copy_only=False)
        self.no_role = role.is_null().to_numpy(zero_copy_only=False)
        self.kind = cols.turn_field(batch, "kind").to_numpy(zero_copy_only=False)
        self.calls = cols.turn_field(batch, "calls").is_valid().to_numpy(zero_copy_only=False)
        self.trains = cols.turn_field(batch, "trains").to_numpy(zero_copy_only=False).astype(bool)
        self.system = (self.role == "system") | (self.role == "developer")
        lengths = pc.fill_null(pc.list_value_length(batch.column("turns")), 0).to_numpy(zero_copy_only=False)
        self.some = lengths > 0
        ends = np.cumsum(lengths)
        self.last = (ends - 1)[self.some]
        self.first = (ends - lengths)[self.some]
        self.before = np.ones(len(self.role), dtype=bool)  # whether a turn has one before it in its row
        self.before[self.first] = False


def _each_turn(turns: _Turns) -> Iterator[Result]:
    no_turn = turns.kind == "not a turn"
    missing = turns.no_role & ~no_turn
    unknown = ~no_turn & ~missing & ~np.isin(turns.role.astype(str), sorted(ROLES))
    yield from _found(turns.of[no_turn], "a message is not an object with role and content", "not-a-turn")
    yield from _found(turns.of[missing], "a message has no role", "missing-role")
    for name in sorted(set(turns.role[unknown].tolist())):
        rows = turns.of[unknown & (turns.role == name)]
        yield from _found(rows, f"unknown role '{name[:40]}'; known: {', '.join(sorted(ROLES))}", "unknown-role")


def _order(turns: _Turns) -> Iterator[Result]:
    late = turns.system & turns.before & ~_shift(turns.system)
    same = turns.before & (turns.role == _shift(turns.role)) & np.isin(turns.role.astype(str), ["user", "assistant"])
    same &= ~_shift(turns.calls)
    opener = turns.first.copy()
    skips = turns.system[opener] & (opener < turns.last)
    opener[skips] += 1
    yield from _found(turns.of[late], "a system message stands after the first turn", "system-late")
    yield from _found(turns.of[same], "the same speaker twice in a row", "same-role-twice")
    yield from _found(
        turns.of[opener[turns.role[opener] == "assistant"]], "the assistant speaks first", "assistant-first"
    )


def _whole(turns: _Turns) -> Iterator[Result]:
    yield from _found(turns.rows[~turns.some], "no messages", "empty-messages")
    is_assistant = turns.role == "assistant"
    answered = np.isin(turns.rows, turns.of[is_assistant])
    trained = np.isin(turns.rows, turns.of[is_assistant & turns.trains])
    yield from _found(turns.rows[turns.some & ~answered], "no assistant turn to train on", "no-assistant")
    yield from _found(turns.rows[answered & ~trained], "every assistant turn has weight 0", "nothing-trained")
    open_end = turns.of[turns.last[~is_assistant[turns.last]]]
    open_end = open_end[np.isin(open_end, turns.rows[answered])]
    yield from _found(open_end, "it does not end with the assistant", "last-is-not-assistant")


def _shift(values: np.ndarray) -> np.ndarray:
    """Each turn's predecessor; the first has itself, which `before` leaves out."""
    return np.concatenate([values[:1], values[:-1]])


def _found(rows: np.ndarray, message: str, kind: str) -> Iterator[Findings]:
    if len(rows):
        yield Findings(np.unique(rows), 1.0, message, kind)
