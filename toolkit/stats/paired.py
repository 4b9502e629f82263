"""Two models on the same rows, where rows may be alike: the gain, its interval, and a test of no gain."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolkit.stats import quantiles

_EXACT = 14
_CHUNK = 4_000_000

Floats = NDArray[np.float64]


class Gain(NamedTuple):
    """Mean difference, after minus before, with its interval and the p-value of no difference (two-sided).

    clusters: groups of rows that were taken as one draw; `n` where every row is its own.
    """

    gain: float
    low: float
    high: float
    p: float
    n: int
    clusters: int


def paired_gain(
    differences: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Gain:
    """The gain from `differences` (n,), after minus before by row; rows of one id in `clusters` (n,) are one draw.

    Interval: bootstrap-t over clusters (Efron 1979; Hall 1992): resampled means in units of their own
    standard error, which a skewed score needs. Where a resample has no spread it says nothing and is left
    out; under 30 clusters, or where few resamples are left, Student's interval is taken instead if it is wider.

    p: the two models are exchanged within clusters at random (Pitman 1937; Good 2005), every way where
    there are at most 14 clusters that differ, else 20,000 ways, the observed one counted among them. It asks
    whether the differences are symmetric about 0: of a few, very skewed ones it rejects no gain too often (10 %
    at 30 exponential ones), so a gain is shown only where the interval agrees.

    Raises ValueError on no rows, unequal lengths, fewer than two clusters, or values that are not finite.
    """
    sums, sizes = _by_cluster(differences, clusters)
    n = float(sizes.sum())
    gain, error = float(sums.sum() / n), _error(sums, sizes)
    low, high = _interval(sums, sizes, level, draws, seed)
    return Gain(gain, min(low, gain), max(high, gain), _swapped(sums, seed) if error else 1.0, int(n), len(sums))


def binary_gain(differences: ArrayLike, clusters: ArrayLike, *, level: float = 0.95, seed: int = 0) -> Gain:
    """The same for right and wrong answers, differences -1, 0 or 1, of rows that come in clusters.

    Interval: cluster jackknife with Student's quantile after one more gained and one more lost cluster of
    typical mass, which is Bonett and Price (2012) where each row is its own cluster; without those two a few
    clusters that agree by luck look certain. Degrees of freedom count clusters by mass. p as `paired_gain`.
    """
    sums, sizes = _by_cluster(differences, clusters)
    n = float(sizes.sum())
    typical = float(sizes @ sizes) / n
    more, mass = np.append(sums, [typical, -typical]), np.append(sizes, [typical, typical])
    centre, error = float(more.sum() / mass.sum()), _error(more, mass)
    half = quantiles.student(level, max(1.0, n * n / float(sizes @ sizes) - 1.0)) * error
    gain = float(sums.sum() / n)
    low, high = max(-1.0, min(centre - half, gain)), min(1.0, max(centre + half, gain))
    return Gain(gain, low, high, _swapped(sums, seed) if sums.any() else 1.0, int(n), len(sums))


def holm(p_values: ArrayLike) -> Floats:
    """Adjusted p-values (n,) that keep the chance of any false finding at its level. Method: Holm (1979)."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]) if len(p) else p
    found = np.empty(len(p))
    found[order] = np.minimum(1.0, stepped)
    return found


def false_discovery(p_values: ArrayLike) -> Floats:
    """Adjusted p-values (n,) that keep the share of false findings at its level: Benjamini and Hochberg (1995)."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")[::-1]
    stepped = np.minimum.accumulate(len(p) / (len(p) - np.arange(len(p))) * p[order]) if len(p) else p
    found = np.empty(len(p))
    found[order] = np.minimum(1.0, stepped)
    return found


def _by_cluster(differences: ArrayLike, clusters: ArrayLike | None) -> tuple[Floats, Floats]:
    values = np.asarray(differences, dtype=np.float64)
    ids = np.arange(len(values)) if clusters is None else np.asarray(clusters)
    if values.ndim != 1 or values.shape != ids.shape:
        raise ValueError(f"differences and clusters are two lists of one length, not {values.shape} and {ids.shape}")
    if not np.isfinite(values).all():
        raise ValueError("a difference is a finite number")
    names, place = np.unique(ids, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{len(names)} cluster(s) of {len(values)} rows: a test needs at least two")
    sums, sizes = np.zeros(len(names)), np.zeros(len(names))
    np.add.at(sums, place, values)
    np.add.at(sizes, place, 1.0)
    return sums, sizes


def _error(sums: Floats, sizes: Floats) -> float:
    """Standard error of the mean by the cluster jackknife."""
    n, count = sizes.sum(), len(sizes)
    shifts = (sums - sums.sum() / n * sizes) / (n - sizes)
    return sqrt((count - 1) / count * float(shifts @ shifts))


def _interval(sums: Floats, sizes: Floats, level: float, draws: int, seed: int) -> tuple[float, float]:
    mean, error, count = float(sums.sum() / sizes.sum()), _error(sums, sizes), len(sums)
    half = quantiles.student(level, count - 1) * error
    if not error:
        return mean, mean
    rng, found = np.random.default_rng(seed), []
    step = max(1, _CHUNK // count)
    for first in range(0, draws, step):
        chosen = rng.integers(0, count, (min(step, draws - first), count))
        found.append(_studentised(sums[chosen], sizes[chosen], mean))
    t = np.concatenate(found)
    t = t[np.isfinite(t)]
    if len(t) < draws // 2:
        return mean - half, mean + half
    tail = quantiles.tails(level) / 2.0
    low, high = mean - float(np.quantile(t, 1 - tail)) * error, mean - float(np.quantile(t, tail)) * error
    return (min(low, mean - half), max(high, mean + half)) if count < 30 else (low, high)


def _studentised(sums: Floats, sizes: Floats, mean: float) -> Floats:
    """Resampled means, less the mean, in their own standard errors; shape (n_draws,), NaN without a spread."""
    n = sizes.sum(axis=1)
    means = sums.sum(axis=1) / n
    spread = ((sums - means[:, None] * sizes) ** 2).sum(axis=1)
    count = sums.shape[1]
    error = np.sqrt(spread * count / (count - 1)) / n
    return np.asarray(np.divide(means - mean, error, out=np.full(len(n), np.nan), where=error > 1e-12))


def _swapped(sums: Floats, seed: int, ways: int = 20_000) -> float:
    """Share of exchanges of the two models within clusters that give a sum as far from 0 as the one seen."""
    moved = sums[sums != 0.0]
    seen, many = abs(float(moved.sum())) - 1e-9 * float(np.abs(moved).sum()), len(moved)
    if many <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(1 << many)[:, None] >> np.arange(many)) & 1)
        return float((np.abs(signs @ moved) >= seen).mean())
    rng, hits = np.random.default_rng(seed), 0
    step = max(1, _CHUNK // many)
    for first in range(0, ways, step):
        signs = 1.0 - 2.0 * rng.integers(0, 2, (min(step, ways - first), many))
        hits += int((np.abs(signs @ moved) >= seen).sum())
    return (hits + 1) / (ways + 1)


def _checked(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError("p-values are a list of numbers in 0..1")
    return p
