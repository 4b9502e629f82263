from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.paired import binary_gain, false_discovery, holm, paired_gain
from toolkit.stats.power import gain_interval, mcnemar


def test_exchanging_published() -> None:
    """Darwin's maize in Fisher (1935, section 21): 1,726 of 32,768 exchanges are as far from 0, p = .0527."""
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = paired_gain(eighths)
    assert found.gain == pytest.approx(20.933, abs=1e-3)
    assert found.p == pytest.approx(1726 / 32768, abs=0.006), "20,000 random ways of 32,768"
    assert found.low < 5.0 and found.high > 35.0, "Student's interval is -0.03 to 41.8"


def test_exchanging_a_few_is_counted_out() -> None:
    assert paired_gain([1.0, 2.0, 3.0, 4.0]).p == 2 / 16
    assert paired_gain([1.0, 2.0, -3.0, 4.0]).p == 10 / 16
    assert paired_gain([0.0, 0.0, 0.0]) == (0.0, 0.0, 0.0, 1.0, 3, 3)


def test_single_rows_of_labels_are_mcnemar_and_bonett_price() -> None:
    change = np.array([1] * 12 + [-1] * 2 + [0] * 86)
    found = binary_gain(change, np.arange(100))
    assert found.p == pytest.approx(mcnemar(12, 2).exact, abs=1e-9)
    assert (found.low, found.high) == pytest.approx(gain_interval(12, 2, 100), abs=0.003)


def test_copies_of_rows_say_nothing_new() -> None:
    rng = np.random.default_rng(0)
    change = rng.choice([-1, 0, 1], 60, p=[0.05, 0.75, 0.2])
    one = binary_gain(change, np.arange(60))
    copied = binary_gain(np.repeat(change, 5), np.repeat(np.arange(60), 5))
    naive = binary_gain(np.repeat(change, 5), np.arange(300))
    assert (copied.gain, copied.p) == (one.gain, one.p) and copied.high - copied.low >= one.high - one.low - 1e-9
    assert naive.high - naive.low < 0.6 * (copied.high - copied.low)


def test_the_same_seed_gives_the_same_figures() -> None:
    change = np.random.default_rng(1).normal(0.1, 1, 50)
    assert paired_gain(change) == paired_gain(change) != paired_gain(change, seed=1)


@pytest.mark.parametrize("values", [[1.0], [], [1.0, float("nan")]])
def test_what_cannot_be_tested(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"cluster|finite"):
        paired_gain(values)


def test_one_cluster_and_unequal_lengths() -> None:
    with pytest.raises(ValueError, match="at least two"):
        binary_gain([1, 0], [5, 5])
    with pytest.raises(ValueError, match="one length"):
        binary_gain([1, 0], [5])


@pytest.mark.parametrize(("n", "skewed"), [(20, False), (60, True)])
def test_the_interval_of_scores_covers(n: int, skewed: bool) -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(150):
        change = rng.exponential(1, n) - 1 if skewed else rng.normal(0, 1, n)
        found = paired_gain(change, draws=300)
        hits += found.low <= 0 <= found.high
    assert hits >= 0.88 * 150, "95 % nominal; three standard errors of 150 simulations below"


def test_the_interval_of_clustered_labels_covers_and_the_test_keeps_its_level() -> None:
    rng = np.random.default_rng(8)
    hits = false = 0
    for _ in range(150):
        sizes = rng.integers(1, 6, 40)
        change = np.repeat(rng.choice([-1, 0, 1], 40, p=[0.15, 0.7, 0.15]), sizes)
        found = binary_gain(change, np.repeat(np.arange(40), sizes))
        hits += found.low <= 0 <= found.high
        false += found.p <= 0.05
    assert hits >= 0.9 * 150 and false <= 0.1 * 150


def test_adjusted_published() -> None:
    """The fifteen p-values of Benjamini and Hochberg (1995, section 3.1): four are found, three by Holm."""
    p = [.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .324, .4262, .5719, .6528, .759, 1]  # fmt: skip
    assert (false_discovery(p) <= 0.05).sum() == 4
    assert (holm(p) <= 0.05).sum() == 3
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert false_discovery([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert len(holm([])) == len(false_discovery([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_is_never_below_and_holm_is_the_careful_one(p: list[float]) -> None:
    assert (holm(p) >= np.array(p) - 1e-12).all() and (holm(p) >= false_discovery(p) - 1e-12).all()
    assert (holm(p) <= 1).all()
