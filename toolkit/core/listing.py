"""Findings as plain values for machines: what a renderer of SARIF, JUnit, CSV or JSON lines shows.

A finding is known by its key: the row's content, the check and the kind. Neither the place of the row
in the file nor its score is part of it, so moving rows about changes no key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from toolkit.core.types import Level


def key_of(row: str | None, check: str, kind: str) -> str:
    """The key of a finding, 16 hex digits. row: the toolkit's row id, None for the data set as a whole."""
    told = "\x1f".join((row or "", check, kind))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. ref: the row's own id, else line-N or row-N; None for the data set. row: the toolkit's id.

    line: 1-based line of the source where it has lines. level: what findings of this kind come to.
    others: rows that it is about besides, as (ref, line). more: what the check adds, such as spans.
    """

    key: str
    check: str
    kind: str
    scope: str
    level: Level
    score: float
    flag: bool
    message: str
    ref: str | None
    row: str | None
    line: int | None
    other: str | None
    other_line: int | None
    more: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """One check in one scope: what it is, whether it looked, and what it came to.

    rows: flagged rows by kind. of_kind: the level that each kind reached. examples: the first findings.
    """

    check: str
    code: str
    scope: str
    version: int
    summary: str
    help: str
    remedy: str
    status: str
    reason: str
    seen: int
    total: int
    seconds: float
    flagged: int
    level: Level
    rows: Mapping[str, int]
    of_kind: Mapping[str, Level]
    examples: tuple[Line, ...] = ()


class Change(NamedTuple):
    """Against an older run: findings that are new, that were there already, and that are gone.

    unseen: old ones of checks that did not look this time, which are therefore not known to be gone.
    """

    new: int
    same: int
    fixed: int
    unseen: int
    fixed_by_check: Mapping[str, int]


@dataclass(frozen=True)
class Listing:
    """The findings of one run. lines: what streams them, the surest first within each check.

    uri: the source as a path relative to the working folder, or its name. change: against the older
    run, where one was given; then every count here is of new findings alone.
    """

    name: str
    uri: str
    sha256: str
    toolkit: str
    policy: str
    records: int
    checks: tuple[Checked, ...]
    lines: Callable[[], Iterator[Line]] = field(repr=False)
    change: Change | None = None

    @property
    def level(self) -> Level:
        """The highest level that a check of the input reached."""
        return max((each.level for each in self.checks if each.scope == "input"), default=Level.OK)

    @property
    def found(self) -> int:
        """Findings that the policy counts, told by distinct row and kind."""
        return sum(sum(each.rows.values()) for each in self.checks)
