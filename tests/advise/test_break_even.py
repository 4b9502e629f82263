"""The two articles' examples, and the directions in which a break-even must move."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from toolkit.advise.break_even import break_even, net_after
from toolkit.advise.money import Money
from toolkit.renderers import money_chart


def of(**values: Any) -> Any:
    return break_even(Money.model_validate({"months": 12, "tune": 5000} | values))


def test_a_hundred_million_calls_pay_at_once() -> None:
    """100M calls a month at $0.001 saved are $100k a month: a $5k tune is back in a day or two."""
    found = of(calls_per_month=100e6, saving_per_call=0.001)
    assert found.likely.saving_per_month == pytest.approx(100_000)
    assert found.likely.month == pytest.approx(0.05) and found.answer == "pays"


def test_a_hundred_thousand_calls_never_pay() -> None:
    """100k calls a month at $0.0005 saved are $50 a month: never within a year or three."""
    found = of(calls_per_month=100e3, saving_per_call=0.0005, months=[12, 24, 36])
    assert found.likely.saving_per_month == pytest.approx(50)
    assert found.answer == "does not pay" and found.best.month == pytest.approx(100)
    assert of(calls_per_month=100e3, saving_per_call=0.0005, maintenance_per_month=50).likely.month is None


TICKETS = {
    "cost_per_1000_tuned": 0.4,
    "months": [6, 12, 24],
    "tune": [100, 500, 1000],
    "maintenance_per_month": [100, 200, 400],
    "day_rate": 600,
}


@pytest.mark.parametrize("now", [5, 60], ids=["the mid model", "the strongest model"])
def test_the_18_class_table(now: float) -> None:
    """Support tickets, 2025: $60 or $5 for 1,000 calls against $0.40; it pays at 50,000 a day and not at 100."""
    many = of(calls_per_day=50_000, cost_per_1000_now=now, **TICKETS)
    assert many.answer == "pays" and many.worst.month < 1.5
    few = of(calls_per_day=100, cost_per_1000_now=now, **TICKETS)
    assert not few.likely.pays and few.likely.net < 0


def test_lora_can_pay_at_5000_calls_a_day() -> None:
    assert of(calls_per_day=5_000, cost_per_1000_now=5, **TICKETS).likely.pays


def test_what_nobody_gave_is_named_not_invented() -> None:
    found = of(calls_per_month=1, saving_per_call=1)
    assert found.left_out == ("infrastructure_per_month", "maintenance_per_month", "retune_every_months", "day_rate")
    assert found.likely.upfront == 5000, "eval days without a rate cost nothing"


def test_by_hand() -> None:
    found = of(
        calls_per_month=1000, saving_per_call=1, tune=600, retune_every_months=6, infrastructure_per_month=50,
        maintenance_per_month=150, eval_days=3, day_rate=100, months=10,
    )  # fmt: skip
    assert found.likely.cost_per_month == pytest.approx(50 + 150 + 100)
    assert found.likely.upfront == pytest.approx(900)
    assert found.likely.month == pytest.approx(900 / 700)
    assert found.likely.volume == pytest.approx(90 + 300)
    assert found.likely.net == pytest.approx(7000 - 900)
    assert net_after(found.likely, found.likely.month) == pytest.approx(0)


amounts = st.floats(0.01, 1e5)


@given(amounts, amounts, amounts, st.floats(0, 1e4), st.floats(1.0, 5.0))
def test_directions(calls: float, tune: float, months: float, costs: float, factor: float) -> None:
    base = {"calls_per_month": calls, "saving_per_call": 0.5, "tune": tune, "months": months}
    base |= {"maintenance_per_month": costs}
    one = of(**base)
    more = of(**base | {"calls_per_month": calls * factor})
    dearer = of(**base | {"tune": tune * factor})
    assert more.likely.net >= one.likely.net - 1e-6 and dearer.likely.net <= one.likely.net + 1e-6
    if one.likely.pays:
        assert more.likely.pays and more.likely.month <= one.likely.month * (1 + 1e-9)
    if not one.likely.pays:
        assert not dearer.likely.pays


@given(st.lists(amounts, min_size=3, max_size=3), st.lists(amounts, min_size=3, max_size=3), amounts)
def test_the_likely_case_lies_between_best_and_worst(calls: list[float], tune: list[float], costs: float) -> None:
    found = of(
        calls_per_month=sorted(calls), saving_per_call=[0.1, 0.2, 0.9], tune=sorted(tune), months=[1, 12, 60],
        maintenance_per_month=[0, costs / 2, costs],
    )  # fmt: skip
    assert found.worst.net <= found.likely.net + 1e-6 and found.likely.net <= found.best.net + 1e-6
    assert money_chart.curve(found) and money_chart.blocks(found)
    assert all(abs(move.at_low - move.at_high) > 0 for move in found.moves)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"calls_per_day": 1, "calls_per_month": 30, "saving_per_call": 1},
        {"calls_per_day": 1},
        {"calls_per_day": 1, "saving_per_call": 1, "cost_per_1000_now": 1},
        {"calls_per_day": 1, "cost_per_1000_now": 1},
        {"calls_per_day": [3, 2, 1], "saving_per_call": 1},
        {"calls_per_day": [1, 2], "saving_per_call": 1},
        {"calls_per_day": -1, "saving_per_call": 1},
        {"calls_per_day": "1", "saving_per_call": 1},
        {"calls_per_day": 1, "saving_per_call": float("inf")},
        {"calls_per_day": 1, "saving_per_call": 1, "months": 0},
    ],
)
def test_numbers_that_cannot_be_meant(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"months": 12, "tune": 5} | values)
