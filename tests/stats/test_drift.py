from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from toolkit.stats.drift import auc, histogram_distance, jensen_shannon, ks, ks_distance, stratification

numbers = st.lists(st.floats(-100, 100), min_size=2, max_size=40)


def test_area_of_hanley_and_mcneil() -> None:
    """Hanley and McNeil (1982): 58 normal and 51 abnormal images, five ratings, area .893, se .032."""
    found = auc(np.repeat(range(5), [33, 6, 6, 11, 2]), np.repeat(range(5), [3, 2, 2, 11, 33]))
    assert found.value == pytest.approx(0.893, abs=5e-4)
    assert (found.high - found.low) / 3.92 == pytest.approx(0.032, abs=0.002)


@given(numbers, numbers)
def test_area_is_the_share_of_pairs_won(first: list[float], second: list[float]) -> None:
    one, two = np.array(first), np.array(second)
    wins = (two[:, None] > one).mean() + (two[:, None] == one).mean() / 2
    found = auc(first, second)
    assert found.value == pytest.approx(wins)
    assert 0.0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1.0
    assert found.low < found.high


@given(numbers, numbers)
def test_area_mirrors(first: list[float], second: list[float]) -> None:
    there, back = auc(first, second), auc(second, first)
    assert (1 - there.value, 1 - there.high, 1 - there.low) == pytest.approx(tuple(back), abs=1e-9)


def test_delong_variance_by_its_definition() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.normal(size=30).round(1), rng.normal(0.8, 1.2, size=25).round(1)
    wins = (two[:, None] > one) + 0.5 * (two[:, None] == one)
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / 25 + wins.mean(axis=0).var(ddof=1) / 30)
    area, found = wins.mean(), auc(one, two)
    half = 1.959964 * error / (area * (1 - area))
    assert np.log(found.high / (1 - found.high)) - np.log(area / (1 - area)) == pytest.approx(half, rel=1e-6)


@pytest.mark.parametrize(("shift", "truth"), [(0.0, 0.5), (0.3, 0.584), (1.5, 0.8556)])
def test_area_coverage(shift: float, truth: float) -> None:
    rng, covered = np.random.default_rng(6), 0
    for _ in range(800):
        found = auc(rng.normal(size=60), rng.normal(shift, size=90))
        covered += found.low <= truth <= found.high
    assert 0.925 <= covered / 800 <= 0.975


def test_wholly_apart_is_not_certain() -> None:
    few, many = auc([1, 2, 3], [4, 5, 6]), auc(range(100), range(100, 200))
    assert few.value == few.high == many.value == many.high == 1.0
    assert 0.4 < few.low < 0.7 < 0.95 < many.low < 1.0
    tied = auc([1] * 5, [1] * 5)
    assert tied.value == 0.5
    assert tied.low < 0.3 < 0.7 < tied.high


@given(numbers, numbers)
def test_ks_is_that_of_scipy(first: list[float], second: list[float]) -> None:
    found, other = ks(first, second), stats.ks_2samp(first, second, method="asymp")
    assert found.distance == pytest.approx(other.statistic)
    assert 0.0 <= found.p <= 1.0


def test_ks_keeps_its_size_and_sees_a_shift() -> None:
    rng = np.random.default_rng(10)
    same = np.mean([ks(rng.normal(size=80), rng.normal(size=50)).p <= 0.05 for _ in range(1500)])
    apart = np.mean([ks(rng.normal(size=80), rng.normal(1, size=50)).p <= 0.05 for _ in range(300)])
    assert 0.025 <= same <= 0.065
    assert apart > 0.95


@pytest.mark.parametrize(("sizes", "off"), [((20, 30), 0.012), ((50, 80), 0.01), ((40, 400), 0.005)])
def test_ks_is_near_the_exact_p(sizes: tuple[int, int], off: float) -> None:
    rng, misses = np.random.default_rng(21), []
    for _ in range(100):
        one, two = rng.normal(size=sizes[0]), rng.normal(0.3, size=sizes[1])
        misses.append(abs(ks(one, two).p - stats.ks_2samp(one, two, method="exact").pvalue))
    assert np.mean(misses) < off


def test_jensen_shannon_by_hand() -> None:
    assert jensen_shannon([1, 0], [0, 5]) == 1.0
    assert jensen_shannon([1, 3], [2, 6]) == pytest.approx(0.0, abs=1e-15)
    # Halves against one class: H(3/4, 1/4) - 1/2 = .8113 - .5.
    assert jensen_shannon([1, 1], [1, 0]) == pytest.approx(0.3113, abs=5e-5)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20))
def test_jensen_shannon_is_even_and_bounded(pairs: list[tuple[int, int]]) -> None:
    one, two = [a for a, _ in pairs] + [1], [b for _, b in pairs] + [1]
    assert 0.0 <= jensen_shannon(one, two) <= 1.0
    assert jensen_shannon(one, two) == pytest.approx(jensen_shannon(two, one), abs=1e-12)


def test_chance_divergence_is_what_the_docstring_says() -> None:
    rng, shares = np.random.default_rng(12), [0.1] * 10
    drawn = [jensen_shannon(rng.multinomial(400, shares), rng.multinomial(100, shares)) for _ in range(400)]
    assert np.mean(drawn) == pytest.approx(9 / 5.5 * (1 / 400 + 1 / 100), rel=0.1)


def test_stratification_tells_what_is_off() -> None:
    good = stratification({"a": 90, "b": 45, "c": 9}, {"a": 10, "b": 5, "c": 1})
    assert good.p > 0.9
    assert good.missing == ()
    assert good.divergence < 1e-12
    bad = stratification({"a": 90, "b": 10}, {"a": 5, "b": 5, "c": 1})
    assert (bad.widest, bad.missing) == ("a", ("c",))
    assert bad.difference == pytest.approx(5 / 11 - 0.9)
    assert bad.p < 0.01
    # Nothing is less likely than one in all the splits that were looked at.
    assert stratification({"a": 500, "b": 1}, {"b": 500, "a": 1}, draws=99).p == 0.01


def test_stratification_accepts_random_splits_as_often_as_it_says() -> None:
    rng, rows = np.random.default_rng(13), np.repeat(range(30), [1] * 15 + [40] * 15)
    names, small = [str(i) for i in range(30)], 0
    for seed in range(400):
        held = np.bincount(rng.permutation(rows)[:60], minlength=30)
        rest = np.bincount(rows, minlength=30) - held
        first, second = (dict(zip(names, map(int, part), strict=True)) for part in (rest, held))
        small += stratification(first, second, draws=199, seed=seed).p <= 0.05
    assert 0.02 <= small / 400 <= 0.08


def test_the_order_of_classes_is_nothing() -> None:
    one, two = {"a": 4, "b": 9, "c": 2}, {"c": 3, "a": 1}
    assert stratification(one, two) == stratification(dict(reversed(one.items())), dict(reversed(two.items())))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: auc([1], [1, 2]), "at least two"),
        (lambda: auc([1, float("nan")], [1, 2]), "not finite"),
        (lambda: ks([], [1, 2]), "at least two"),
        (lambda: jensen_shannon([1, 2], [1]), "one length"),
        (lambda: jensen_shannon([0, 0], [1, 2]), "at least one row"),
        (lambda: jensen_shannon([1, -1], [1, 2]), "none negative"),
        (lambda: jensen_shannon([1, float("nan")], [1, 2]), "none negative"),
        (lambda: stratification({}, {"a": 1}), "at least one row"),
        (lambda: stratification({}, {}), "at least one row"),
        (lambda: stratification({"a": 1}, {"a": 1}, draws=0), "at least 99"),
    ],
)
def test_what_cannot_be_answered_is_an_error(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_distances_of_one_source_hold_zero_in_nearly_all_draws() -> None:
    """The intervals keep their promise where there is nothing to find: few classes, many classes, lengths."""
    rng = np.random.default_rng(4)
    shares = {"few": np.array([0.7, 0.2, 0.1]), "many": np.full(150, 1 / 150)}
    above = dict.fromkeys((*shares, "lengths"), 0)
    for seed in range(60):
        for name, share in shares.items():
            one, two = rng.multinomial(2000, share), rng.multinomial(120, share)
            above[name] += histogram_distance(one, two, draws=60, seed=seed).low > 0
        above["lengths"] += ks_distance(rng.lognormal(4, 1, 900), rng.lognormal(4, 1, 90)).low > 0
    assert max(above.values()) <= 8, above


def test_distances_of_two_sources_hold_the_true_one() -> None:
    """Shares of .9 and .5 of two classes are .45 apart by Jensen and Shannon; two shifted uniforms .5 by KS."""
    true = np.sqrt(jensen_shannon([9, 1], [5, 5]))
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(60):
        found = histogram_distance(rng.multinomial(400, [0.9, 0.1]), rng.multinomial(300, [0.5, 0.5]), seed=seed)
        hits += found.low <= true <= found.high
    assert hits >= 52
    found = ks_distance(rng.uniform(0, 1, 500), rng.uniform(0.5, 1.5, 500))
    assert found.low <= 0.5 <= found.high
    assert found.high - found.low < 0.2
