"""When a fine-tune has paid for itself, if ever: pure arithmetic over ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from toolkit.advise.money import Money, Range, fixed

Name = Literal["best", "likely", "worst"]
COSTS = (
    "cost_per_1000_tuned",
    "tune",
    "infrastructure_per_month",
    "maintenance_per_month",
    "eval_days",
    "day_rate",
)
GAINS = ("calls_per_day", "calls_per_month", "saving_per_call", "cost_per_1000_now", "retune_every_months", "months")


class Case(NamedTuple):
    """One case, in dollars. month: when it has paid for itself, None for never. volume: calls a month with
    which it would pay within `months`, None where no volume does. net: what is left after `months`."""

    name: str
    saving_per_call: float
    calls_per_month: float
    saving_per_month: float
    upfront: float
    cost_per_month: float
    months: float
    month: float | None
    volume: float | None
    net: float

    @property
    def pays(self) -> bool:
        """Whether it has paid for itself before it leaves production."""
        return self.month is not None and self.month <= self.months


class Move(NamedTuple):
    """What one input does to the likely case's net, at its low and at its high end."""

    name: str
    at_low: float
    at_high: float


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Three cases; moves: the inputs that matter most first; left_out: costs that nobody gave, so counted as 0."""

    best: Case
    likely: Case
    worst: Case
    moves: tuple[Move, ...]
    left_out: tuple[str, ...]

    @property
    def cases(self) -> tuple[Case, Case, Case]:
        return self.best, self.likely, self.worst

    @property
    def answer(self) -> str:
        """`pays`, `does not pay`, or `depends` where the cases disagree."""
        if self.worst.pays:
            return "pays"
        return "depends" if self.best.pays else "does not pay"


def break_even(money: Money) -> BreakEven:
    """Saving a call x calls x months against tuning, serving, looking after, tuning again, and eval work.

    Best takes every cost at its low end and every gain at its high end, worst the reverse. Months count
    to the side that helps or harms. Tuning again costs `tune` each time and is spread over the months
    between; eval work is paid once.
    """
    best, likely, worst = (_case(money, name) for name in ("best", "likely", "worst"))
    return BreakEven(best, likely, worst, _moves(money), _left_out(money))


def net_after(case: Case, month: float) -> float:
    """Dollars won (or still missing, below 0) after some months of a case."""
    return (case.saving_per_month - case.cost_per_month) * month - case.upfront


def _case(money: Money, name: Name) -> Case:
    cost, gain = {"best": ("low", "high"), "likely": ("likely", "likely"), "worst": ("high", "low")}[name]

    def at(found: Range | None, end: str) -> float:
        return 0.0 if found is None else float(getattr(found, end))

    saving = at(money.saving_per_call, gain)
    if money.cost_per_1000_now is not None:
        saving = (at(money.cost_per_1000_now, gain) - at(money.cost_per_1000_tuned, cost)) / 1000
    tune, calls = at(money.tune, cost), at(money.calls, gain)
    again = tune / at(money.retune_every_months, gain) if money.retune_every_months else 0.0
    monthly = at(money.infrastructure_per_month, cost) + at(money.maintenance_per_month, cost) + again
    upfront = tune + at(money.eval_days, cost) * at(money.day_rate, cost)
    won = saving * calls - monthly
    months = at(money.months, gain if won > 0 else cost)
    return Case(
        name=name,
        saving_per_call=saving,
        calls_per_month=calls,
        saving_per_month=saving * calls,
        upfront=upfront,
        cost_per_month=monthly,
        months=months,
        month=upfront / won if won > 0 else None,
        volume=(upfront / months + monthly) / saving if saving > 0 else None,
        net=won * months - upfront,
    )


def _moves(money: Money) -> tuple[Move, ...]:
    """The likely case with one input at a time at its ends; what is known exactly moves nothing."""
    found = []
    middle = {name: fixed(value.likely) for name, value in _ranges(money).items()}
    for name, value in _ranges(money).items():
        ends = (
            _case(money.model_copy(update={**middle, name: fixed(end)}), "likely") for end in (value.low, value.high)
        )
        low, high = (each.net for each in ends)
        if low != high:
            found.append(Move(name, low, high))
    return tuple(sorted(found, key=lambda each: (-abs(each.at_high - each.at_low), each.name)))


def _ranges(money: Money) -> dict[str, Range]:
    return {name: value for name in (*GAINS, *COSTS) if (value := getattr(money, name)) is not None}


def _left_out(money: Money) -> tuple[str, ...]:
    given = money.model_fields_set
    found = [name for name in ("infrastructure_per_month", "maintenance_per_month") if name not in given]
    found += ["retune_every_months"] * (money.retune_every_months is None)
    return (*found, *(["day_rate"] * (money.day_rate is None)))
