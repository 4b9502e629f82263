"""Intervals of a proportion. Shares lie in 0..1 here; points of a hundred are the reader's, not ours."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolkit.stats import quantiles

_FAINT_VOTE = 0.1

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Both ends of an interval, low first."""

    low: float
    high: float


class ClusterRate(NamedTuple):
    """A proportion over rows that come in clusters.

    `n_eff` is the number of independent rows that would give the same uncertainty, never above `n`.
    """

    rate: float
    low: float
    high: float
    n: int
    n_eff: float
    clusters: int


def wilson(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Score interval of `hits` in `n` independent rows; it stays inside 0..1 and is honest at 0 and at n.

    Raises ValueError where n is 0 or hits are outside 0..n. Method: Wilson (1927), without continuity correction.
    """
    _check_counts(hits, n)
    return score_interval(hits / n, n, quantiles.normal(level))


def wilson_half_width(rate: float, n: int, *, level: float = 0.95) -> float:
    """Half the width of the Wilson interval that `n` rows give where `rate` of them are hits: .078 at .8 and 100."""
    _check_rate(rate)
    _check_counts(0, n)
    z = quantiles.normal(level)
    return z / (1.0 + z * z / n) * sqrt(rate * (1.0 - rate) / n + z * z / (4.0 * n * n))


def clopper_pearson(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Exact interval of `hits` in `n`: covers at least `level` at every true rate, and is wider than Wilson's.

    Raises ValueError where n is 0 or hits are outside 0..n. Method: Clopper and Pearson (1934).
    """
    _check_counts(hits, n)
    tail = quantiles.tails(level) / 2.0
    low = 0.0 if hits == 0 else quantiles.beta(tail, hits, n - hits + 1)
    high = 1.0 if hits == n else quantiles.beta(1.0 - tail, hits + 1, n - hits)
    return Interval(low, high)


def rule_of_three(n: int, *, level: float = 0.95) -> float:
    """Upper bound of a failure rate after `n` rows without one failure; one-sided, so .0495 at 59 rows.

    Exact, 1 - (1 - level)^(1/n); the 3/n of Hanley and Lippman-Hand (1983) is its limit.
    Raises ValueError where n is 0: no rows bound nothing.
    """
    _check_counts(0, n)
    return float(-np.expm1(np.log(quantiles.tails(level)) / n))


def cluster_interval(hits: ArrayLike, clusters: ArrayLike, *, level: float = 0.95) -> ClusterRate:
    """Proportion of `hits` (n,), each 0 or 1, where rows of one id in `clusters` (n,) are not independent.

    The variance is the cluster jackknife (CR3; MacKinnon, Nielsen and Webb 2023), turned into a number of
    effective rows for a Wilson interval, shrunk by the Student quantile and capped at n (Korn and
    Graubard 1998, who feed Clopper-Pearson instead). Degrees of freedom count clusters by their mass,
    (sum m)^2 / sum m^2 - 1, so one giant cluster widens the interval. Where all rows agree the variance
    says nothing, and each cluster then counts as if its rows were copies of one another.

    Our addition: two clusters of typical mass, one all right and one all wrong, with a tenth of a vote each.
    Without it a few heavy clusters near 0 or 1 agree by luck, and the interval covered the truth in 76 %
    of simulations instead of 95; with it the same case is covered in over 90, at little width elsewhere.

    Raises ValueError on other values than 0 and 1, unequal lengths, no rows, or fewer than two clusters.
    """
    values, sums, sizes = _by_cluster(hits, clusters)
    n, rate = len(values), float(values.mean())
    masses = n * n / float(sizes @ sizes)
    n_eff = masses if rate in (0.0, 1.0) else _effective(rate, sums, sizes)
    shrink = (quantiles.normal(level) / quantiles.student(level, masses - 1.0)) ** 2
    low, high = score_interval(rate, min(n, n_eff * shrink), quantiles.normal(level))
    return ClusterRate(rate, low, high, n, min(n, n_eff), len(sizes))


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], n: int, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Interval:
    """Percentile interval (Efron 1979) of `statistic`, which is given the row numbers (n,) of each resample.

    Too narrow for small n: a percentile interval does not know what the sample has not seen.
    Raises ValueError where n or `draws` is too small, or where the statistic is undefined (NaN) in any draw.
    """
    if n < 2 or draws < 100:
        raise ValueError(f"a bootstrap needs at least 2 rows and 100 draws, not {n} and {draws}")
    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(0, n, n)) for _ in range(draws)])
    if np.isnan(values).any():
        raise ValueError(f"the statistic is undefined in {np.isnan(values).sum()} of {draws} resamples")
    tail = quantiles.tails(level) / 2.0
    return Interval(float(np.quantile(values, tail)), float(np.quantile(values, 1.0 - tail)))


def score_interval(rate: float, n: float, z: float) -> Interval:
    """Wilson's interval for a rate in 0..1 and any real `n` > 0, so that effective rows can be used."""
    centre = (rate + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * sqrt(rate * (1.0 - rate) / n + z * z / (4.0 * n * n))
    low = 0.0 if rate == 0.0 else max(0.0, centre - half)
    high = 1.0 if rate == 1.0 else min(1.0, centre + half)
    return Interval(low, high)


def _by_cluster(hits: ArrayLike, clusters: ArrayLike) -> tuple[Floats, Floats, Floats]:
    values, ids = np.asarray(hits, dtype=np.float64), np.asarray(clusters)
    if values.ndim != 1 or values.shape != ids.shape:
        raise ValueError(f"hits and clusters are two lists of one length, not {values.shape} and {ids.shape}")
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError("a hit is 0 or 1")
    names, place = np.unique(ids, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{len(names)} cluster(s) of {len(values)} rows: an interval needs at least two")
    sums = np.zeros((2, len(names)))
    np.add.at(sums[0], place, values)
    np.add.at(sums[1], place, 1.0)
    return values, sums[0], sums[1]


def _effective(rate: float, sums: Floats, sizes: Floats) -> float:
    """Rows of a simple random sample with the variance of the cluster jackknife and the two faint clusters."""
    n, count = sizes.sum(), len(sizes)
    shifts = (sums - rate * sizes) / (n - sizes)
    faint = _FAINT_VOTE * float(sizes @ sizes / n**2) ** 2 * (rate**2 + (1.0 - rate) ** 2)
    return float(rate * (1.0 - rate) / ((count - 1) / count * float(shifts @ shifts) + faint))


def _check_counts(hits: int, n: int) -> None:
    if n < 1:
        raise ValueError(f"a rate over {n} rows is not a number: at least one row is needed")
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} rows cannot be")


def _check_rate(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"a rate lies in 0..1, not {rate}")
