"""What a whole run would cost, from a pilot that grows until the answer is sharp enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.core.gating import Refusal
from toolkit.core.types import JSON
from toolkit.generate.driver import Cooked
from toolkit.generate.production import Prepared, Progress
from toolkit.generate.result import GenerateResult
from toolkit.stats.total import Total, total
from toolkit.store.journal import NAME, events

ROWS = 20
LEAST = 8
"""Conversations that a pilot has at least."""
GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Estimate:
    """unit: what was estimated: usd, tokens where the model has no price, candidates where it is free.

    total: None where no row was accepted. conversations: of the pilot. seconds: of the whole run with as many
    requests in the air as the recipe allows; None where nothing was timed. sharp: whether the interval is as narrow
    as was asked for; otherwise the pilot ended at its largest size, its budget, or its target.
    """

    result: GenerateResult
    unit: str
    total: Total | None
    wanted: int
    conversations: int
    seconds: float | None
    sharp: bool

    def as_json(self) -> dict[str, JSON]:
        return {
            "recipe": self.result.name,
            "model": self.result.model,
            "target": self.wanted,
            "pilot": {
                "conversations": self.conversations,
                "candidates": self.result.candidates,
                "accepted": self.result.accepted,
                "cost_usd": self.result.cost_usd,
            },
            "unit": self.unit,
            "total": dict(self.total._asdict()) if self.total else None,
            "sharp": self.sharp,
            "seconds": self.seconds,
            "stops": list(self.result.stops),
        }


def estimate(
    prepared: Prepared, *, within: float = 0.25, most: int = 400, progress: Progress | None = None
) -> Estimate:
    """Run the start of the plan and say what the whole would cost.

    within: the pilot grows until its 90 % interval reaches no further than this share of the expected cost,
    but not beyond `most` candidates. What it buys a run of the same recipe does not buy again. Raises what
    a run raises.
    """
    wanted = sum(state.quota for state in prepared.cells)
    rows = max(ROWS, LEAST * prepared.loaded.per_call)
    while True:
        cooked: list[tuple[Cooked, int]] = []

        def watch(each: Cooked, verdicts: Sequence[Refusal | None], seen: list[tuple[Cooked, int]] = cooked) -> None:
            seen.append((each, sum(one is None for one in verdicts)))

        result = prepared.pilot(rows, watch, progress)
        found = _estimate(prepared, result, cooked, wanted, within)
        ended = result.stops or result.accepted >= wanted or result.candidates >= most
        if found.sharp or ended or result.candidates < rows:
            return found
        rows = min(most, int(rows * GROWTH) + 1)


def _estimate(
    prepared: Prepared, result: GenerateResult, cooked: Sequence[tuple[Cooked, int]], wanted: int, within: float
) -> Estimate:
    paid = _paid(prepared)
    keys = [[request.key() for request in each.asked] for each, _ in cooked]
    accepted = [count for _, count in cooked]
    unit = "candidates" if not result.usage.total else "tokens" if result.cost_usd is None else "usd"
    if unit == "candidates":
        costs = [float(each.seed.rows) for each, _ in cooked]
    else:
        costs = [sum(paid[key][unit] for key in own if key in paid) for own in keys]
    found = total(costs, accepted, wanted)
    times = [paid[key]["seconds"] for own in keys for key in own if key in paid]
    seconds = None
    if sum(accepted) and times:
        air = prepared.loaded.file.model.concurrency
        seconds = max(max(times), sum(times) / sum(accepted) * wanted / air)
    sharp = found is not None and found.half_width <= within
    return Estimate(result, unit, found, wanted, len(cooked), seconds, sharp)


def _paid(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Dollars, tokens and seconds of each request; what may have been billed without a reply is counted as billed."""
    found: dict[str, dict[str, Any]] = {}
    sent: dict[str, dict[str, Any]] = {}
    for event in events(prepared.pilot_folder / NAME):
        key = event.get("key", "")
        if event["e"] == "sent":
            sent[key] = event
        elif event["e"] == "reply" or event.get("unknown"):
            told = found.setdefault(key, {"usd": 0.0, "tokens": 0, "seconds": 0.0})
            source = event if event["e"] == "reply" else sent.get(key, {})
            told["usd"] += source.get("usd", 0.0)
            told["tokens"] += sum(event["usage"]) if "usage" in event else source.get("tokens", 0)
            if "t" in event and key in sent:
                told["seconds"] += max(0.0, event["t"] - sent[key]["t"])
    return found
