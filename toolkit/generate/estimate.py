"""What a whole run would cost, from a pilot that grows until the answer is sharp enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.core.gating import Refusal
from toolkit.core.types import JSON
from toolkit.generate.copies import Copies
from toolkit.generate.driver import Cooked
from toolkit.generate.production import Prepared, Progress
from toolkit.generate.result import GenerateResult
from toolkit.stats.saturation import Further
from toolkit.stats.total import Total, total
from toolkit.store.journal import NAME, events

ROWS = 20
LEAST = 8
"""Conversations that a pilot has at least."""
GROWTH = 1.5
UNITS = ("usd", "tokens")
Judged = tuple[Cooked, Sequence[Refusal | None]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """unit: what was estimated: usd, tokens where the model has no price, candidates where it is free.

    total: None where no row was accepted. conversations: of the pilot. seconds: of the whole run with as many
    requests in the air as the recipe allows; None where nothing was timed. sharp: whether the interval is as narrow
    as was asked for; otherwise the pilot ended at its largest size, its budget, or its target. met: the chance that
    `most` candidates are enough, as far as copies go. reach: accepted rows that they give.
    """

    result: GenerateResult
    unit: str
    total: Total | None
    wanted: int
    conversations: int
    seconds: float | None
    sharp: bool
    most: int = 0
    met: float = 1.0
    reach: int = 0

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
            "max_candidates": {"rows": self.most, "chance_enough": round(self.met, 2), "accepted": self.reach},
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
        cooked: list[Judged] = []

        def watch(each: Cooked, verdicts: Sequence[Refusal | None], seen: list[Judged] = cooked) -> None:
            seen.append((each, verdicts))

        result = prepared.pilot(rows, watch, progress)
        found = _estimate(prepared, result, cooked, wanted, within)
        ended = result.stops or result.accepted >= wanted or result.candidates >= most
        if found.sharp or ended or result.candidates < rows:
            return found
        rows = min(most, int(rows * GROWTH) + 1)


def _estimate(
    prepared: Prepared, result: GenerateResult, cooked: Sequence[Judged], wanted: int, within: float
) -> Estimate:
    paid = _paid(prepared)
    keys = [[request.key() for request in each.asked] for each, _ in cooked]
    unit = "candidates" if not result.usage.total else "tokens" if result.cost_usd is None else "usd"
    if unit == "candidates":
        costs = [float(each.seed.rows) for each, _ in cooked]
    else:
        costs = [sum(paid[key][unit] for key in own if key in paid) for own in keys]
    seen = Copies()
    draws = [seen.take(each, verdicts) for each, verdicts in cooked]
    most = prepared.loaded.max_candidates
    more = seen.further(result, most)
    worst = max(
        (sum(paid[key][f"most_{unit}"] for key in own if key in paid) for own in keys if unit in UNITS), default=0
    )
    found = _whole(costs, draws, more, wanted, worst) if result.accepted else None
    times = [paid[key]["seconds"] for own in keys for key in own if key in paid]
    seconds = None
    if found is not None and times:
        air = prepared.loaded.file.model.concurrency
        seconds = max(max(times), sum(times) * (1 + more.expected / sum(draws)) / air)
    sharp = found is not None and found.half_width <= within
    reach = min(wanted, result.accepted + round(more.kinds))
    return Estimate(result, unit, found, wanted, len(cooked), seconds, sharp, most, more.met, reach)


def _whole(costs: Sequence[float], draws: Sequence[int], more: Further, wanted: int, worst: float) -> Total | None:
    """The cost of the pilot and of the further good candidates, with both their uncertainties in its interval.

    worst: the most that a conversation may cost. One of that kind that a pilot did not meet, such as an answer
    without an end, may still come, as often as half a time in one more than it had (Jeffreys).
    """
    base = total(costs, draws, sum(draws) + round(more.expected))
    if base is None or not base.expected:
        return base
    low, high = (1 + base.per_row * (each - more.expected) / base.expected for each in (more.low, more.high))
    sampled = math.log(base.high / base.expected)
    down = math.exp(-math.hypot(sampled, math.log(max(low, 1e-9))))
    up = math.exp(math.hypot(sampled, math.log(high)))
    conversations = len(costs) * (base.expected / sum(costs) - 1)
    unseen = max(0.0, worst - max(costs)) * conversations * 0.5 / (len(costs) + 1)
    return Total(base.expected, base.expected * down, base.expected * up + unseen, base.expected / wanted)


def _paid(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Dollars, tokens and seconds of each request; what may have been billed without a reply is counted as billed."""
    found: dict[str, dict[str, Any]] = {}
    sent: dict[str, dict[str, Any]] = {}
    for event in events(prepared.pilot_folder / NAME):
        key = event.get("key", "")
        if event["e"] == "sent":
            sent[key] = event
        elif event["e"] == "reply" or event.get("unknown"):
            told = found.setdefault(key, dict.fromkeys((*UNITS, *(f"most_{each}" for each in UNITS), "seconds"), 0.0))
            told |= {f"most_{each}": sent.get(key, {}).get(each, 0.0) for each in UNITS}
            source = event if event["e"] == "reply" else sent.get(key, {})
            told["usd"] += source.get("usd", 0.0)
            told["tokens"] += sum(event["usage"]) if "usage" in event else source.get("tokens", 0)
            if "t" in event and key in sent:
                told["seconds"] += max(0.0, event["t"] - sent[key]["t"])
    return found
