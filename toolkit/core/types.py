"""What travels between rooms: turns, parsed rows, findings, facts.

Rows travel as Arrow batches of `store.dataset`; the types here are what parts yield and formats return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, NewType

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

RowId = NewType("RowId", str)
"""blake2b-64 of the canonical row in hex; `-N` follows for the N-th further copy of the same row."""

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

Status = Literal["ran", "skipped", "failed", "not applicable"]


class Level(IntEnum):
    """How much a result weighs in the verdict. DOUBT says that the question cannot be answered."""

    OK = 0
    INFO = 1
    WARNING = 2
    DOUBT = 3
    ERROR = 4
    BLOCKER = 5


class Verdict(IntEnum):
    """The answer of the readiness report, from best to worst."""

    READY = 0
    READY_WITH_RISKS = 1
    CANNOT_TELL = 2
    NOT_READY = 3

    @property
    def words(self) -> str:
        return self.name.replace("_", " ")


class Turn(NamedTuple):
    """One message of a row, as it was written: nothing is repaired here, checks look at it.

    `kind` says what stood in the place of the content: `text`, `parts` (a list of content parts, its
    texts joined), or a fault: `missing`, `null`, `number`, `bool`, `object`, `list`, `not a turn`.
    `calls` is the JSON text of its tool calls. `trains` is false where the row itself says so.
    """

    role: str | None
    content: str | None
    kind: str = "text"
    calls: str | None = None
    trains: bool = True
    reply_to: str | None = None


class Parsed(NamedTuple):
    """One row in the canonical shape that every check reads.

    `turns` is the whole example, the answer last; of a preference pair it ends with the chosen answer
    and `rejected` holds the other one. `faults` are names of what the format could not place.
    """

    turns: Sequence[Turn]
    label: str | None = None
    rejected: Sequence[Turn] | None = None
    tools: str | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about one row, or about the data set where `row` is None.

    row, other: ordinals of records in the data set. score: 0 (surely fine) to 1 (surely found); a
    check yields from a low floor and policy sets the bar. kind: a short name within the check.
    """

    row: int | None
    score: float
    message: str
    kind: str = ""
    other: int | None = None
    column: str | None = None
    evidence: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Many findings of one kind as columns: arrays of shape (n,), or one value for all.

    row, other: int64 record ordinals; score: float64 in 0..1; evidence: JSON texts, as Arrow where many.
    """

    row: np.ndarray
    score: np.ndarray | float
    message: str
    kind: str = ""
    other: np.ndarray | None = None
    column: str | None = None
    evidence: Sequence[str | None] | pa.StringArray | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One number that a check measured. low, high: the 95 % interval, where one is known."""

    name: str
    value: float
    unit: str = ""
    group: str = ""
    low: float | None = None
    high: float | None = None


Result = Finding | Findings | Fact
