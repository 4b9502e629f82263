"""The gates of a run, cheapest first: each says why a candidate is refused, or nothing.

They judge in the order of the plan, so what is accepted does not hang on which reply came first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from toolkit.core.errors import UsageError, unknown
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import mask_numbers, normal_text


class Refusal(NamedTuple):
    """Which gate refused a candidate, and why."""

    gate: str
    reason: str


class Context(NamedTuple):
    """What gates are built from. references: texts of each file that rows must not repeat, by its name."""

    labels: Sequence[str]
    references: Mapping[str, Iterable[str]] = {}


class Gate(Protocol):
    """judge: why a candidate is refused, or an empty text. keep: remember one that was accepted."""

    id: ClassVar[str]

    def judge(self, row: GeneratedRow, cell: Cell) -> str: ...

    def keep(self, row: GeneratedRow) -> None: ...


@dataclass(slots=True)
class Schema:
    """A candidate is what the recipe asked for, and not empty."""

    id: ClassVar[str] = "schema"

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        if row.fault:
            return row.fault
        return "" if normal_text(row.text) else "the text is empty"

    def keep(self, row: GeneratedRow) -> None:
        """Nothing to remember."""


@dataclass(slots=True)
class Label:
    """A candidate carries the label that was asked for."""

    id: ClassVar[str] = "label"
    labels: frozenset[str]

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        if row.label not in self.labels:
            return f"the label '{row.label}' is not in the recipe"
        return "" if row.label == cell.label else f"asked for '{cell.label}', came as '{row.label}'"

    def keep(self, row: GeneratedRow) -> None:
        """Nothing to remember."""


@dataclass(slots=True)
class Dedupe:
    """A candidate differs from accepted rows, seeds and the files to avoid, once both are normalised.

    mask_numbers: texts that differ in their numbers alone count as one. Texts are remembered as 128-bit
    digests: a chance collision in 10^9 rows is below 10^-20.
    """

    id: ClassVar[str] = "dedupe"
    mask_numbers: bool = True
    seen: dict[bytes, str] = field(default_factory=dict)

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        where = self.seen.get(self._mark(row.text))
        return f"the same text as {where}{self._how()}" if where else ""

    def keep(self, row: GeneratedRow) -> None:
        self.seen[self._mark(row.text)] = "an accepted row"

    def shun(self, texts: Iterable[str], where: str) -> None:
        """Refuse these texts from now on."""
        for text in texts:
            self.seen.setdefault(self._mark(text), where)

    def _mark(self, text: str) -> bytes:
        normal = normal_text(text)
        shown = mask_numbers(normal) if self.mask_numbers else normal
        return hashlib.blake2b(shown.encode(), digest_size=16).digest()

    def _how(self) -> str:
        return ", numbers aside" if self.mask_numbers else ""


def _schema(context: Context) -> Schema:
    return Schema()


def _label(context: Context) -> Label:
    return Label(frozenset(context.labels))


def _dedupe(context: Context, mask_numbers: bool = True) -> Dedupe:
    gate = Dedupe(mask_numbers)
    for where, texts in context.references.items():
        gate.shun(texts, where)
    return gate


GATES: Mapping[str, Callable[..., Gate]] = {"schema": _schema, "label": _label, "dedupe": _dedupe}
"""The gates that a recipe may name, in the order in which they judge."""


def build(asked: Sequence[str | Mapping[str, Mapping[str, Any]]], context: Context) -> list[Gate]:
    """The gates of a recipe, cheapest first whatever its order. Raises UsageError for an unknown one."""
    told: dict[str, Mapping[str, Any]] = {}
    for each in asked:
        told.update({each: {}} if isinstance(each, str) else each)
    for name, options in told.items():
        if name not in GATES:
            raise unknown("check", name, GATES)
        for option in options:
            if option not in _options(name):
                raise UsageError(
                    f"unknown option '{option}' of {name}", f"its options: {', '.join(_options(name)) or 'none'}"
                )
    return [GATES[name](context, **told[name]) for name in GATES if name in told]


def _options(name: str) -> list[str]:
    import inspect

    return [each for each in inspect.signature(GATES[name]).parameters if each != "context"]


def judge(gates: Sequence[Gate], row: GeneratedRow, cell: Cell) -> Refusal | None:
    """The first gate that refuses a candidate, or None where all let it pass."""
    for gate in gates:
        reason = gate.judge(row, cell)
        if reason:
            return Refusal(gate.id, reason)
    return None
