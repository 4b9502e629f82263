"""A few rows of a recipe with every prompt behind them, before anything more is bought."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from toolkit.core.gating import Refusal
from toolkit.core.request import GeneratedRow, Request
from toolkit.core.types import JSON
from toolkit.generate.driver import Cooked
from toolkit.generate.production import Prepared
from toolkit.generate.result import GenerateResult

ROWS = 5


class Shown(NamedTuple):
    """A candidate row, and the gate that refused it or None."""

    row: GeneratedRow
    refusal: Refusal | None


class Trial(NamedTuple):
    """One conversation: its requests in the order that they were asked, and what came of it."""

    cell: str
    asked: tuple[Request, ...]
    shown: tuple[Shown, ...]
    dead: str


@dataclass(frozen=True, slots=True)
class Preview:
    """trials: conversations with the rows that are shown of each; made: rows that all of them gave."""

    trials: tuple[Trial, ...]
    result: GenerateResult
    reads_prompt: bool

    @property
    def made(self) -> int:
        return self.result.candidates

    @property
    def shown(self) -> int:
        return sum(len(trial.shown) for trial in self.trials)

    def as_json(self) -> dict[str, JSON]:
        cost = self.result.cost_usd
        return {
            "recipe": self.result.name,
            "provider": self.result.provider,
            "model": self.result.model,
            "cost_usd": None if cost is None else round(cost, 6),
            "usage": dict(self.result.usage._asdict()),
            "stops": list(self.result.stops),
            "trials": [_trial(trial) for trial in self.trials],
        }


def preview(prepared: Prepared, rows: int = ROWS) -> Preview:
    """Ask for as many rows as are shown, at the start of the plan; a run of the same recipe begins with them.

    Of a provider that costs nothing more is made, so that the rows are of different cells. Raises what a
    run raises.
    """
    cooked: list[tuple[Cooked, Sequence[Refusal | None]]] = []
    provider = prepared.loaded.provider
    wanted = rows * prepared.loaded.per_call if provider.free else rows
    result = prepared.pilot(wanted, lambda each, verdicts: cooked.append((each, list(verdicts))))
    shares = _shares([len(each.rows) for each, _ in cooked], rows)
    trials = [
        Trial(each.seed.cell.name, each.asked, _shown(each, verdicts, share), each.dead)
        for (each, verdicts), share in zip(cooked, shares, strict=True)
        if share or each.dead
    ]
    return Preview(tuple(trials), result, provider.reads_prompt)


def _shown(cooked: Cooked, verdicts: Sequence[Refusal | None], share: int) -> tuple[Shown, ...]:
    return tuple(Shown(row, refusal) for row, refusal in zip(cooked.rows[:share], verdicts[:share], strict=True))


def _shares(sizes: Sequence[int], total: int) -> list[int]:
    """How many rows of each conversation are shown: one of each in turn."""
    shares = [0] * len(sizes)
    for nth in itertools.cycle(range(len(sizes))):
        if sum(shares) >= min(total, sum(sizes)):
            break
        shares[nth] += shares[nth] < sizes[nth]
    return shares


def _trial(trial: Trial) -> dict[str, JSON]:
    return {
        "cell": trial.cell,
        "prompts": [{"to": each.to, "messages": [dict(told) for told in each.prompt()]} for each in trial.asked],
        "rows": [_row(each) for each in trial.shown],
        "dead": trial.dead,
    }


def _row(shown: Shown) -> dict[str, JSON]:
    refusal = shown.refusal
    return {
        "row": dict(shown.row.fields),
        "accepted": refusal is None,
        "gate": refusal.gate if refusal else None,
        "reason": refusal.reason if refusal else None,
    }
