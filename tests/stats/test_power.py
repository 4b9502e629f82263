from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.power import detectable_gain, gain_interval, mcnemar, paired_power, rows_needed


@pytest.mark.parametrize(("n", "points"), [(100, 10.7), (200, 7.6), (500, 4.8), (1000, 3.4), (2000, 2.4)])
def test_gains_that_the_report_quotes(n: int, points: float) -> None:
    assert 100 * (detectable_gain(n) or 0) == pytest.approx(points, abs=0.05)


@pytest.mark.parametrize(("gain", "rows"), [(0.01, 11771), (0.02, 2941), (0.03, 1306), (0.05, 469), (0.10, 116)])
def test_rows_that_the_report_quotes(gain: float, rows: int) -> None:
    assert rows_needed(gain) == rows


def test_mcnemar_published() -> None:
    """Bentur et al., 21 children, in Fagerland, Lydersen and Laake (2013): exact .070, mid-p .039."""
    found = mcnemar(7, 1)
    assert found == mcnemar(1, 7)
    assert found.exact == pytest.approx(0.0703, abs=5e-5)
    assert found.mid_p == pytest.approx(0.0391, abs=5e-5)


def test_mcnemar_of_armitage_and_berry() -> None:
    """Armitage and Berry (1994, p. 127), 12 against 2 discordant specimens: exact two-sided p = .0129."""
    assert mcnemar(12, 2).exact == pytest.approx(0.0129, abs=5e-5)


def test_nothing_discordant_shows_nothing() -> None:
    assert mcnemar(0, 0) == (1.0, 1.0)
    assert mcnemar(5, 5) == (1.0, 1.0)


@given(st.integers(0, 400), st.integers(0, 400))
def test_p_values_are_probabilities_and_exact_is_the_careful_one(gained: int, lost: int) -> None:
    exact, mid_p = mcnemar(gained, lost)
    assert 0.0 <= mid_p <= exact <= 1.0
    if gained > lost:
        assert mcnemar(gained + 1, lost).exact <= exact


def test_huge_counts_neither_overflow_nor_vanish() -> None:
    # 2 sd of 1,000,000 coin tosses is 500 either side: z = 2, p = .0455.
    assert mcnemar(501_000, 499_000).mid_p == pytest.approx(0.0455, abs=2e-4)
    assert mcnemar(600_000, 400_000).exact == pytest.approx(0.0, abs=1e-300)


def test_gain_interval_published() -> None:
    """The same children: Bonett and Price's interval as computed by hand, -.508 to -.013."""
    assert gain_interval(1, 7, 21) == pytest.approx((-0.508, -0.013), abs=5e-4)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_gain_interval_mirrors_and_holds_the_gain(gained: int, lost: int, same: int) -> None:
    n = gained + lost + same + 1
    low, high = gain_interval(gained, lost, n)
    assert -1.0 <= low < high <= 1.0
    assert (-high, -low) == pytest.approx(gain_interval(lost, gained, n))


@pytest.mark.parametrize(("n", "discordance", "gain"), [(100, 0.15, 0.05), (500, 0.1, 0.03), (300, 0.3, 0.0)])
def test_gain_interval_covers(n: int, discordance: float, gain: float) -> None:
    up, down = (discordance + gain) / 2, (discordance - gain) / 2
    drawn = np.random.default_rng(5).multinomial(n, [up, down, 1 - discordance], size=3000)
    held = [low <= gain <= high for low, high in (gain_interval(int(b), int(c), n) for b, c, _ in drawn)]
    assert 0.935 <= np.mean(held) <= 0.98


@given(st.integers(60, 200_000), st.floats(0.05, 0.6), st.floats(0.1, 0.99))
def test_gain_and_rows_are_inverse(n: int, discordance: float, power: float) -> None:
    gain = detectable_gain(n, discordance=discordance, power=power)
    if gain is None:
        assert rows_needed(discordance, discordance=discordance, power=power) > n
    else:
        assert abs(rows_needed(gain, discordance=discordance, power=power) - n) <= 1


@given(st.integers(50, 5000), st.floats(0.02, 0.5))
def test_more_rows_show_smaller_gains(n: int, discordance: float) -> None:
    few, many = detectable_gain(n, discordance=discordance), detectable_gain(2 * n, discordance=discordance)
    if few is not None:
        assert many is not None
        assert many < few <= discordance


def test_too_few_rows_show_no_gain_at_all() -> None:
    assert detectable_gain(49) is None
    assert detectable_gain(50) == pytest.approx(0.15, abs=5e-4)


@pytest.mark.parametrize(("n", "gain"), [(200, 0.0763), (500, 0.0484), (2941, 0.02)])
def test_power_is_what_the_formula_promises(n: int, gain: float) -> None:
    assert paired_power(n, gain) == pytest.approx(0.8, abs=0.025)


def test_power_matches_simulation() -> None:
    n, gain, discordance = 120, 0.09, 0.2
    up, down = (discordance + gain) / 2, (discordance - gain) / 2
    drawn = np.random.default_rng(2).multinomial(n, [up, down, 1 - discordance], size=4000)
    seen = np.mean([mcnemar(int(b), int(c)).mid_p <= 0.05 for b, c, _ in drawn])
    assert paired_power(n, gain, discordance=discordance) == pytest.approx(seen, abs=0.025)


def test_mid_p_keeps_its_size() -> None:
    drawn = np.random.default_rng(9).multinomial(300, [0.08, 0.08, 0.84], size=4000)
    false = np.mean([mcnemar(int(b), int(c)).mid_p <= 0.05 for b, c, _ in drawn])
    assert 0.03 <= false <= 0.06


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar(-1, 2),
        lambda: gain_interval(0, 0, 0),
        lambda: gain_interval(5, 6, 10),
        lambda: rows_needed(0.0),
        lambda: rows_needed(0.2, discordance=0.1),
        lambda: rows_needed(0.1, power=0.01),
        lambda: detectable_gain(0),
        lambda: detectable_gain(100, discordance=1.5),
        lambda: paired_power(0, 0.1),
    ],
)
def test_what_cannot_be_answered_is_an_error(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must satisfy|at least one row|not negative|do not fit"):
        call()
