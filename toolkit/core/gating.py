"""What a gate is: it says why a candidate row is refused, or nothing.

A gate on its shelf holds options. `guard` makes of them the one that stands in a run and may remember.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, TypeGuard

from toolkit.core.request import Cell, Example, GeneratedRow, Reply, Request
from toolkit.core.types import JSON, Finding

Texts = Mapping[str, Sequence[str]]
Look = Callable[[str, Mapping[str, JSON]], Sequence[Finding]]


class Refusal(NamedTuple):
    """Which gate refused a candidate, and why."""

    gate: str
    reason: str


def _no_look(check: str, row: Mapping[str, JSON]) -> Sequence[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class Context:
    """What gates are built from. labels: each with what it means. avoid, seeds: texts by the name of their file.

    examples: the user's own rows. folder: where the paths of a recipe start. look: what a check of
    `verify` finds in one row. models: names of the models that may be asked.
    """

    labels: Mapping[str, str]
    avoid: Texts = field(default_factory=dict)
    seeds: Texts = field(default_factory=dict)
    examples: Sequence[Example] = ()
    folder: Path = Path()
    look: Look = _no_look
    models: Sequence[str] = ()


class Guard(Protocol):
    """A gate in a run. judge: why a candidate is refused, or an empty text. keep: remember one that was accepted."""

    @property
    def id(self) -> str: ...

    def judge(self, row: GeneratedRow, cell: Cell) -> str: ...

    def keep(self, row: GeneratedRow) -> None: ...


Question = Generator[Request, Reply, str]


class Asking(Protocol):
    """A guard that must ask a model. ask: yields requests, is sent replies, returns the reason or an empty text."""

    def ask(self, row: GeneratedRow, cell: Cell) -> Question: ...


def asks(guard: object) -> TypeGuard[Asking]:
    """Whether a guard asks a model. A protocol that is checked at run time costs more than most gates do."""
    return hasattr(guard, "ask")


class Gate(Protocol):
    """A part of the shelf. rank: gates judge from low to high, cheap ones first.

    costly: it runs programs or asks models, so it judges a candidate once, before its turn comes. One that has
    `blocks` set does so in a thread, several at once.
    """

    id: ClassVar[str]
    rank: ClassVar[int]
    costly: ClassVar[bool]

    def guard(self, context: Context) -> Guard: ...


@dataclass(frozen=True, slots=True)
class Stateless:
    """A guard that remembers nothing: the function that judges, under the name of its gate."""

    id: str
    rule: Callable[[GeneratedRow, Cell], str]

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        return self.rule(row, cell)

    def keep(self, row: GeneratedRow) -> None:
        """Nothing to remember."""


def strings(value: JSON) -> Iterator[str]:
    """Every string in a JSON value, keys apart."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from strings(each)
