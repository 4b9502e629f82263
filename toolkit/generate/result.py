"""What a generation run made, and what it took to make it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.core.request import NO_TOKENS, Capacity, Usage
from toolkit.core.types import JSON
from toolkit.generate.engine import BY_SIGNAL
from toolkit.generate.losses import Loss
from toolkit.generate.plan import DEAD, CellState

SCHEMA = 1
ROWS, REJECTED, SUMMARY = "rows.jsonl", "rejected.jsonl", "generation.json"
PLAN = "plan.json"


class Step(NamedTuple):
    """One step of the waterfall: candidates that reached a gate, and those that it turned away."""

    gate: str
    reached: int
    refused: int


class Coverage(NamedTuple):
    """Rows that were planned for a value of an attribute (or label, or persona), and those accepted."""

    name: str
    value: str
    planned: int
    reached: int


class LabelCapacity(NamedTuple):
    """What the cells of one label can make together, as a sum over its cells."""

    label: str
    wanted: int
    texts: int
    masked: int


@dataclass(frozen=True, slots=True)
class GenerateResult:
    """A finished or stopped run: candidates = accepted + rejected + dead.

    stops: why it ended early, empty where the target was met. unique, unique_masked: shares of the
    candidates that differ as text, and with numbers masked. dead: rows asked for that no reply held.
    usage, cost_usd: of all replies; None for a model without a price. What was lost counts as spent.
    saved_usd: by prompt caching. losses: the commonest reason of each gate, the worst gate first.
    """

    folder: Path
    name: str
    provider: str
    model: str
    source_kind: str
    target: int
    accepted: int
    rejected: int
    dead: int
    stops: tuple[str, ...]
    waterfall: tuple[Step, ...]
    cells: tuple[CellState, ...]
    unique: float
    unique_masked: float
    requests: int
    usage: Usage = NO_TOKENS
    cost_usd: float | None = None
    saved_usd: float = 0.0
    personas: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def candidates(self) -> int:
        return self.accepted + self.rejected + self.dead

    @property
    def complete(self) -> bool:
        return self.accepted == self.target

    @property
    def interrupted(self) -> bool:
        """Whether the user ended it before it was complete."""
        return not self.complete and any(why.startswith(BY_SIGNAL) for why in self.stops)

    @property
    def rows(self) -> Path:
        """The accepted rows, one JSON object a line."""
        return self.folder / ROWS

    def labels(self) -> dict[str, int]:
        """Accepted rows by label."""
        found: Counter[str] = Counter()
        for state in self.cells:
            found[state.cell.label] += state.accepted
        return dict(found)

    def coverage(self) -> list[Coverage]:
        """Planned and reached rows of every label, every value of every attribute, and every persona."""
        planned, reached = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for state in self.cells:
            for pair in state.cell.values().items():
                planned[pair] += state.planned
                reached[pair] += state.accepted
        each = self.target // max(len(self.personas), 1)
        people = [Coverage("persona", name, each, count) for name, count in self.personas.items()]
        return [Coverage(name, value, planned[name, value], reached[name, value]) for name, value in planned] + people

    def as_json(self) -> dict[str, JSON]:
        """The summary that `generation.json` holds; no clock time, so equal runs write equal files."""
        return {
            "schema": SCHEMA,
            "recipe": self.name,
            "provider": self.provider,
            "model": self.model,
            "source_kind": self.source_kind,
            "target": self.target,
            "candidates": self.candidates,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "dead": self.dead,
            "stops": list(self.stops),
            **({} if self.complete else {"losses": [dict(each._asdict()) for each in self.losses]}),
            "waterfall": [dict(step._asdict()) for step in self.waterfall],
            "unique": round(self.unique, 4),
            "unique_masked": round(self.unique_masked, 4),
            **self._spent(),
            "labels": dict(self.labels()),
            "coverage": [dict(each._asdict()) for each in self.coverage()],
            "cells": [_cell(state) for state in self.cells],
            "files": dict(self.files),
        }

    def _spent(self) -> dict[str, JSON]:
        """Tokens and dollars, for models that count them."""
        if not self.usage.total:
            return {}
        cost = None if self.cost_usd is None else round(self.cost_usd, 6)
        return {"usage": dict(self.usage._asdict()), "cost_usd": cost, "cache_saved_usd": round(self.saved_usd, 6)}

    def __str__(self) -> str:
        ended = "" if self.complete else f" (stopped: {'; '.join(self.stops)})"
        return f"{self.accepted:,} of {self.target:,} rows in {self.rows}{ended}"


def waterfall(order: Sequence[str], refused: Mapping[str, int], candidates: int) -> tuple[Step, ...]:
    """The steps from candidates to accepted rows; requests that died come first."""
    steps, reached = [], candidates
    for gate in (DEAD, *order):
        steps.append(Step(gate, reached, refused.get(gate, 0)))
        reached -= refused.get(gate, 0)
    return tuple(steps)


def capacities(cells: Sequence[CellState]) -> list[LabelCapacity]:
    """The capacity of every label whose provider has one."""
    wanted: Counter[str] = Counter()
    sizes: dict[str, Capacity] = {}
    for state in cells:
        wanted[state.cell.label] += state.quota
        if state.capacity is not None:
            texts, masked, visits = sizes.get(state.cell.label, Capacity(0, 0, 0))
            own = state.capacity
            sizes[state.cell.label] = Capacity(texts + own.texts, masked + own.masked, visits + own.visits)
    return [LabelCapacity(label, wanted[label], size.texts, size.masked) for label, size in sizes.items()]


def _cell(state: CellState) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cell": state.cell.values(),
        "planned": state.planned,
        "quota": state.quota,
        "asked": state.asked,
        "candidates": state.candidates,
        "accepted": state.accepted,
        "refused": dict(sorted(state.refused.items())),
    }
    return {**found, "closed": state.closed} if state.closed else found
