from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.intervals import (
    bootstrap,
    clopper_pearson,
    cluster_interval,
    rule_of_three,
    score_interval,
    wilson,
    wilson_half_width,
)

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


# Newcombe (1998), table I: methods 3 (score) and 5 (Clopper-Pearson).
@pytest.mark.parametrize(
    ("hits", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_published_intervals(hits: int, n: int, score: tuple[float, float], exact: tuple[float, float]) -> None:
    assert wilson(hits, n) == pytest.approx(score, abs=5.1e-5)
    assert clopper_pearson(hits, n) == pytest.approx(exact, abs=5.1e-5)


@pytest.mark.parametrize(
    ("n", "at_80", "at_90"), [(100, 7.8, 6.0), (200, 5.5, 4.2), (500, 3.5, 2.6), (1000, 2.5, 1.9), (2000, 1.8, 1.3)]
)
def test_half_widths_that_the_report_quotes(n: int, at_80: float, at_90: float) -> None:
    assert 100 * wilson_half_width(0.8, n) == pytest.approx(at_80, abs=0.05)
    assert 100 * wilson_half_width(0.9, n) == pytest.approx(at_90, abs=0.05)
    found = wilson(n * 8 // 10, n)
    assert (found.high - found.low) / 2 == pytest.approx(wilson_half_width(0.8, n))


@pytest.mark.parametrize(("n", "bound"), [(59, 0.0495), (100, 0.0295), (299, 0.010), (1000, 0.003)])
def test_no_failure_bounds_the_rate(n: int, bound: float) -> None:
    assert rule_of_three(n) == pytest.approx(bound, abs=5.1e-5)
    assert (1 - rule_of_three(n)) ** n == pytest.approx(0.05)


@given(counts)
def test_intervals_hold_the_rate_and_stay_inside(case: tuple[int, int]) -> None:
    hits, n = case
    for low, high in (wilson(hits, n), clopper_pearson(hits, n)):
        assert 0.0 <= low <= hits / n <= high <= 1.0
        assert low < high


@given(counts)
def test_intervals_mirror_and_rise_with_hits(case: tuple[int, int]) -> None:
    hits, n = case
    low, high = wilson(hits, n)
    assert (1 - high, 1 - low) == pytest.approx(wilson(n - hits, n), abs=1e-12)
    if hits < n:
        above = wilson(hits + 1, n)
        assert above.low > low or hits == 0
        assert above.high > high or hits + 1 == n


@given(counts, st.floats(0.5, 0.98))
def test_more_confidence_is_wider(case: tuple[int, int], level: float) -> None:
    hits, n = case
    for method in (wilson, clopper_pearson):
        near, far = method(hits, n, level=level), method(hits, n, level=level + 0.01)
        assert far.low <= near.low
        assert far.high >= near.high


@pytest.mark.parametrize(("n", "rate"), [(50, 0.5), (100, 0.9), (500, 0.97)])
def test_coverage_over_every_outcome(n: int, rate: float) -> None:
    hits = np.random.default_rng(7).binomial(n, rate, 4000)
    score = np.mean([low <= rate <= high for low, high in (wilson(int(k), n) for k in hits)])
    exact = np.mean([low <= rate <= high for low, high in (clopper_pearson(int(k), n) for k in hits)])
    assert 0.93 <= score <= 0.975
    assert exact >= 0.945


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wilson(0, 0), "at least one row"),
        (lambda: clopper_pearson(0, 0), "at least one row"),
        (lambda: rule_of_three(0), "at least one row"),
        (lambda: wilson(3, 2), "3 hits in 2 rows"),
        (lambda: wilson(-1, 2), "-1 hits"),
        (lambda: wilson(1, 2, level=95), "between 0 and 1"),
        (lambda: wilson_half_width(80, 100), "a rate lies in"),
        (lambda: cluster_interval([], []), "at least two"),
        (lambda: cluster_interval([1, 0], ["a", "a"]), "at least two"),
        (lambda: cluster_interval([1, 0], ["a"]), "one length"),
        (lambda: cluster_interval([1, 0.5], ["a", "b"]), "0 or 1"),
        (lambda: bootstrap(lambda rows: 0.0, 1), "at least 2 rows"),
        (lambda: bootstrap(lambda rows: float("nan"), 9), "undefined in 2000"),
    ],
)
def test_what_cannot_be_answered_is_an_error(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_cluster_variance_of_cochran() -> None:
    """Cochran (1977), table 3.5: 30 households, 104 persons, 30 saw a doctor; v = .00520, binomial .00197."""
    sizes = [5, 6, 3, 3, 2, 3, 3, 3, 4, 4, 3, 2, 7, 4, 3, 5, 4, 4, 3, 3, 4, 3, 3, 1, 2, 4, 3, 4, 2, 4]
    doctor = [5, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 0, 0, 1, 3, 2, 0, 0, 0, 2, 2, 0, 2, 0, 1]
    hits = [int(i < d) for m, d in zip(sizes, doctor, strict=True) for i in range(m)]
    found = cluster_interval(hits, np.repeat(np.arange(30), sizes))
    assert found.rate == pytest.approx(0.288, abs=5e-4)
    # The jackknife and our faint clusters may only add: by less than a tenth here.
    assert 0.00520 <= found.rate * (1 - found.rate) / found.n_eff <= 0.00520 * 1.1
    assert found.n_eff < 104 * 0.00197 / 0.00520


def test_rows_alone_in_their_clusters_give_wilson() -> None:
    hits = np.arange(400) % 5 > 0
    alone = cluster_interval(hits, np.arange(400))
    assert (alone.low, alone.high) == pytest.approx(wilson(320, 400), abs=0.002)


def test_copies_add_nothing() -> None:
    hits = np.arange(100) % 4 > 0
    once = cluster_interval(hits, np.arange(100))
    thrice = cluster_interval(np.repeat(hits, 3), np.repeat(np.arange(100), 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-9)
    assert thrice.n_eff == pytest.approx(once.n_eff)
    assert (once.n, thrice.n) == (100, 300)


def test_agreement_of_all_rows_is_worth_one_vote_a_cluster() -> None:
    found = cluster_interval(np.ones(300), np.repeat(np.arange(100), 3))
    assert found.n_eff == pytest.approx(100)
    assert found.high == 1.0
    assert score_interval(1.0, 300, 1.96).low > found.low > score_interval(1.0, 80, 1.96).low


def test_clusters_that_balance_earn_no_bonus() -> None:
    """One right and one wrong in every pair varies less than chance; luck of the design is not more rows."""
    found = cluster_interval([0, 1] * 200, np.repeat(np.arange(200), 2))
    assert found.n_eff == found.n == 400
    assert (found.low, found.high) == pytest.approx(wilson(200, 400))


def test_few_clusters_widen_by_students_quantile() -> None:
    """Six equal clusters, half right: the rate is a mean of six numbers, so t with 5 degrees of freedom, 2.571."""
    found = cluster_interval(np.repeat([0, 1, 0, 1, 0, 1], 50), np.repeat(np.arange(6), 50))
    normal = score_interval(0.5, found.n_eff, 1.96)
    student = score_interval(0.5, found.n_eff * (1.96 / 2.571) ** 2, 1.96)
    assert (found.low, found.high) == pytest.approx(student, abs=1e-3)
    assert found.high - normal.high > 0.04


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_cluster_interval_stays_inside(rows: list[tuple[bool, int]]) -> None:
    hits, clusters = [hit for hit, _ in rows], [name for _, name in rows]
    if len(set(clusters)) < 2:
        clusters[0] = 99
    found = cluster_interval(hits, clusters)
    assert 0.0 <= found.low <= found.rate <= found.high <= 1.0
    assert 0.0 < found.n_eff <= found.n


_SIZES = {
    "equal": [5] * 40,
    "few": [10] * 8,
    "unequal": [50] + [20] * 3 + [5] * 20 + [1] * 100,
    "giant": [100] + [1] * 200,
    "threes": [3] * 100,
}


@pytest.mark.parametrize("shape", _SIZES)
@pytest.mark.parametrize("rate", [0.5, 0.85, 0.95])
@pytest.mark.parametrize("correlation", [0.3, 0.8])
def test_cluster_coverage(shape: str, rate: float, correlation: float) -> None:
    sizes, rng = np.array(_SIZES[shape]), np.random.default_rng(11)
    place, spread = np.repeat(np.arange(len(sizes)), sizes), (1 - correlation) / correlation
    covered = naive = 0
    for _ in range(400):
        rates = rng.beta(rate * spread, (1 - rate) * spread, len(sizes))
        hits = rng.random(len(place)) < rates[place]
        found, blind = cluster_interval(hits, place), wilson(int(hits.sum()), len(hits))
        covered += found.low <= rate <= found.high
        naive += blind.low <= rate <= blind.high
    assert covered / 400 >= 0.91
    assert naive / 400 < 0.91


def test_bootstrap_is_seeded_and_near_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(size=400)
    first = bootstrap(lambda rows: float(values[rows].mean()), 400, seed=3)
    assert first == bootstrap(lambda rows: float(values[rows].mean()), 400, seed=3)
    assert first != bootstrap(lambda rows: float(values[rows].mean()), 400, seed=4)
    half = 1.96 * values.std() / 20
    assert first == pytest.approx((values.mean() - half, values.mean() + half), abs=0.012)
