"""Why candidates were lost, counted: the commonest reason of each gate is what a run that fell short has to say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from toolkit.core.text import mask_numbers

KINDS = 500
"""Different reasons that are counted of one gate; a gate that quotes the row has a new one for each."""
CHARS = 160


class Loss(NamedTuple):
    """A reason, cut to 160 characters, and how many candidates were lost to it."""

    gate: str
    reason: str
    rows: int


@dataclass(slots=True)
class Losses:
    """Reasons that differ in their numbers alone count as one."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    firsts: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, gate: str, reason: str, rows: int = 1) -> None:
        own, kind = self.counts.setdefault(gate, Counter()), mask_numbers(reason)[:CHARS]
        if kind in own or len(own) < KINDS:
            own[kind] += rows
            self.firsts.setdefault((gate, kind), reason[:CHARS])

    def commonest(self) -> tuple[Loss, ...]:
        """The commonest reason of each gate, the gate that lost most first."""
        found = []
        for gate, own in sorted(self.counts.items(), key=lambda each: (-each[1].total(), each[0])):
            kind, rows = max(own.items(), key=lambda each: (each[1], each[0]))
            found.append(Loss(gate, self.firsts[gate, kind], rows))
        return tuple(found)
