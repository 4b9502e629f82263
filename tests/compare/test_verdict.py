"""The verdict: every branch, its directions, and how often it ships what is no better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.compare.shape import Drift
from toolkit.compare.verdict import Bars, decide, rows_to_tell
from toolkit.stats.paired import Gain
from toolkit.stats.power import gain_interval, mcnemar

LOWER = Bars("no-worse")


def gain(value: float, half: float = 0.02, p: float | None = None) -> Gain:
    shown = abs(value) > half
    return Gain(value, value - half, value + half, p if p is not None else 0.01 if shown else 0.4, 500, 500)


@pytest.mark.parametrize(
    ("main", "bars", "more", "verdict"),
    [
        (gain(0.05), Bars(), {}, "ship"),
        (gain(0.05), Bars(), {"regression": gain(0.0, 0.01)}, "ship"),
        (gain(0.05), Bars(), {"regression": gain(0.0, 0.05)}, "cannot tell"),
        (gain(0.05), Bars(), {"regression": gain(-0.05)}, "roll back"),
        (gain(0.05), Bars(), {"regression": gain(-0.015, 0.004)}, "ship"),
        (gain(0.05), Bars(), {"shape": Drift("JSON", 1, 40, 500, 1e-6)}, "roll back"),
        (gain(0.05), Bars(), {"shape": Drift("JSON", 1, 5, 500, 0.1)}, "ship"),
        (gain(0.05, p=0.2), Bars(), {}, "cannot tell"),
        (gain(0.05), Bars(worth=0.08), {}, "keep"),
        (gain(-0.01, 0.02), Bars(), {}, "keep"),
        (gain(0.01, 0.03), Bars(), {}, "cannot tell"),
        (gain(-0.05), Bars(), {}, "roll back"),
        (gain(-0.01, 0.005), Bars(), {}, "roll back"),
        (gain(-0.01, 0.005), LOWER, {}, "ship"),
        (gain(-0.01, 0.02), LOWER, {}, "cannot tell"),
        (gain(-0.05), LOWER, {}, "roll back"),
        (gain(0.0, 0.01), LOWER, {"cost": gain(-0.004, 0.001)}, "ship"),
        (gain(0.0, 0.01), LOWER, {"cost": gain(0.004, 0.001)}, "keep"),
        (gain(0.04, 0.01), LOWER, {"cost": gain(0.004, 0.001)}, "ship"),
    ],
)
def test_branches(main: Gain, bars: Bars, more: dict[str, object], verdict: str) -> None:
    found = decide(main, bars, **more)  # type: ignore[arg-type]
    assert found.verdict == verdict and all(found.why)


def test_shipping_without_a_regression_set_says_so() -> None:
    assert "no regression set" in decide(gain(0.05), Bars()).why[-1]


ORDER = ("roll back", "keep", "cannot tell", "ship")


@given(st.floats(-0.2, 0.2), st.floats(0.0, 0.2), st.floats(0.001, 0.1))
def test_a_larger_gain_never_turns_shipping_into_rolling_back(value: float, more: float, half: float) -> None:
    for bars in (Bars(), LOWER):
        first, second = (decide(gain(each, half), bars).verdict for each in (value, value + more))
        if first == "ship":
            assert second == "ship"
        if second == "roll back":
            assert first == "roll back"


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.floats(-0.2, 0.2), st.floats(0.001, 0.1))
def test_a_regression_set_only_makes_it_harder_to_ship(value: float, half: float, loss: float, wide: float) -> None:
    alone = decide(gain(value, half), Bars()).verdict
    beside = decide(gain(value, half), Bars(), regression=gain(loss, wide)).verdict
    assert beside in (alone, "roll back", "cannot tell") and (alone == "ship" or beside != "ship")


def _shipped(share_gained: float, share_lost: float, bars: Bars, n: int = 300, times: int = 1500) -> float:
    rng = np.random.default_rng(4)
    ships = 0
    for _ in range(times):
        gained, lost, _ = rng.multinomial(n, [share_gained, share_lost, 1 - share_gained - share_lost])
        ends = gain_interval(gained, lost, n)
        found = Gain((gained - lost) / n, ends.low, ends.high, mcnemar(gained, lost).mid_p, n, n)
        ships += decide(found, bars).verdict == "ship"
    return ships / times


@pytest.mark.parametrize("discordance", [0.05, 0.2])
def test_a_model_that_is_no_better_rarely_ships(discordance: float) -> None:
    assert _shipped(discordance / 2, discordance / 2, Bars(worth=0.0)) <= 0.035, "2.5 % nominal"


@pytest.mark.parametrize("discordance", [0.1, 0.2])
def test_a_model_that_loses_the_margin_rarely_ships_as_no_worse(discordance: float) -> None:
    lost = (discordance + 0.02) / 2
    assert _shipped(discordance - lost, lost, LOWER) <= 0.035


def test_a_clear_gain_mostly_ships() -> None:
    assert _shipped(0.15, 0.03, Bars()) >= 0.95


def test_rows_that_would_tell() -> None:
    assert rows_to_tell(gain(0.02, 0.04), Bars()) == pytest.approx(500 * ((1.96 + 0.8416) / 1.96 * 2) ** 2, rel=1e-3)
    assert rows_to_tell(gain(0.05, 0.01), Bars()) is None
