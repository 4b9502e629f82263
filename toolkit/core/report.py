"""The readiness report as plain values: everything that a renderer shows, and nothing to compute.

Each number comes from a row of the ledger or of the split's manifest. Texts in here may hold what
stood in a hostile row: a renderer escapes every one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.core.types import JSON

REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the verdict is what it is. level: info, warning, error or blocker. check: the ledger's row.

    title: one line. detail: what it means, with its numbers and denominator. remedy: what to do next,
    often a command.
    """

    level: str
    check: str
    code: str
    title: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check of the catalogue: what it looked at and found. status: ran, skipped, failed, not applicable.

    flagged and rejected count rows of the input; flagged_kept those that stay; total is the
    denominator. scope: input, kept or split. tested: what the self-test says of it, in words.
    """

    check: str
    code: str
    scope: str
    status: str
    reason: str
    seen: int
    total: int
    flagged: int
    flagged_kept: int
    rejected: int
    level: str
    level_input: str
    kinds: dict[str, list[int]]  # kind -> [flagged in the input, flagged among the rows that stay]
    summary: str
    needed: bool
    tested: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One finding shown as evidence. excerpt: capped, secrets masked; still not safe to print unescaped."""

    check: str
    kind: str
    ref: str
    other: str | None
    score: float
    message: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the split. rows: its size; file: its name in the run folder; sha256: of that file."""

    name: str
    rows: int
    share: float
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Heldout:
    """What the held-out rows can show.

    smallest_gain: points of accuracy that a paired test can detect (two-sided 5 %, power 80 %, at
    `discordance`). half_width: 95 % half-width in points at a true 80 %. real: rows of real use.
    n_eff: rows once near-duplicates count once. classes: by what their held-out rows allow.
    """

    rows: int
    real: int
    n_eff: float
    smallest_gain: float | None
    discordance: float
    half_width: float
    classes_reported: int
    classes_in_macro: int
    classes_not_measurable: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassLine:
    """Rows of one class: kept in all, in train and held out."""

    name: str
    rows: int
    train: int
    heldout: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """Percentiles of the length of a text in characters, as (percentile, value)."""

    name: str
    percentiles: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A measured number with its unit and, where known, its 95 % interval."""

    name: str
    value: float
    unit: str
    group: str = ""
    low: float | None = None
    high: float | None = None
    check: str = ""


@dataclass(frozen=True)
class Report:
    """The whole report. created: UTC time, the only value that differs between two equal runs."""

    verdict: str  # READY | READY WITH RISKS | CANNOT TELL | NOT READY
    name: str
    created: str
    toolkit: str
    policy: str
    format: str
    sources: list[dict[str, JSON]]  # name, sha256, records, rows, rejects, notes
    records: int
    rows: int
    kept: int
    quarantined: int
    quarantine: list[list[JSON]]  # [check, kind, rows that left for it], largest first
    reasons: list[Reason]
    checks: list[CheckLine]
    examples: list[Example]
    parts: list[Part]
    split: dict[str, JSON]  # figures of the split's manifest: threshold, components, sacrificed, seed, ...
    heldout: Heldout | None
    classes: list[ClassLine]
    lengths: list[Lengths]
    numbers: list[Number]
    source_kinds: dict[str, int]
    not_looked: list[list[str]]  # [check, status, reason]
    missing: list[str]  # parts of the catalogue that this version does not have, in words
    next: list[str]  # commands
    version: int = REPORT_VERSION
    extra: dict[str, JSON] = field(default_factory=dict)
