"""Whether two samples come from the same place: train against held-out, or either against real use."""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolkit.stats import quantiles
from toolkit.stats.intervals import Interval

Floats = NDArray[np.float64]


class Auc(NamedTuple):
    """Probability that a row of the second sample scores above one of the first, with its interval; .5 is no drift."""

    value: float
    low: float
    high: float


class Ks(NamedTuple):
    """Largest distance (0..1) between two cumulative distributions, and the p-value of no difference."""

    distance: float
    p: float


class Distance(NamedTuple):
    """How far apart two samples are, 0 (alike) to 1 (nothing in common), chance taken off, with a 95 % interval."""

    value: float
    low: float
    high: float


class Stratification(NamedTuple):
    """How far apart the class shares of two splits are.

    `widest` is the class with the largest difference of shares, `difference` that difference (second minus
    first, -1..1). `missing` are classes with rows in one split only. `divergence` is Jensen-Shannon's, in
    bits. `p` is the chance of a random split being as far apart or further: small is badly stratified.
    """

    widest: str
    difference: float
    missing: tuple[str, ...]
    divergence: float
    p: float


def auc(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Auc:
    """Area under the ROC curve of scores (n_first,) against scores (n_second,); ties count half.

    Interval of DeLong, DeLong and Clarke-Pearson (1988) from mid-ranks (Sun and Xu 2014), on the logit scale to
    stay in 0..1. Where the samples are wholly apart or all tie its variance is 0, and the score interval of
    Newcombe (2006, method 5) is given instead. Rows count as independent: scores of cross-validated folds are nearly
    so, near-duplicates are not. Raises ValueError on fewer than two scores in either, or a score not finite.
    """
    low, high = _scores(first), _scores(second)
    ranks = _midranks(np.concatenate([low, high]))
    above = (ranks[len(low) :] - _midranks(high)) / len(low)
    below = 1.0 - (ranks[: len(low)] - _midranks(low)) / len(high)
    value = float(above.mean())
    variance = float(above.var(ddof=1)) / len(high) + float(below.var(ddof=1)) / len(low)
    if value in (0.0, 1.0) or variance == 0.0:
        return Auc(value, *_newcombe(value, len(low), len(high), level))
    middle = log(value / (1.0 - value))
    half = quantiles.normal(level) * sqrt(variance) / (value * (1.0 - value))
    return Auc(value, *(float(1.0 / (1.0 + np.exp(-(middle + side * half)))) for side in (-1.0, 1.0)))


def ks(first: ArrayLike, second: ArrayLike) -> Ks:
    """Kolmogorov-Smirnov test of two samples of numbers, such as lengths; with ties its p-value is too large.

    The p-value is the limit distribution with the small-sample step of Stephens (1970). Against the exact one
    it is off by .01 on average at 20 against 30 numbers, .002 at 40 against 400; at 10 against 10 it is .08 too small.
    Raises ValueError on fewer than two numbers in either, or a number not finite.
    """
    from scipy.special import kolmogorov

    one, two = np.sort(_scores(first)), np.sort(_scores(second))
    every = np.concatenate([one, two])
    shares = [np.searchsorted(sample, every, side="right") / len(sample) for sample in (one, two)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    worth = sqrt(len(one) * len(two) / (len(one) + len(two)))
    return Ks(distance, float(kolmogorov((worth + 0.12 + 0.11 / worth) * distance)))


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> float:
    """Divergence in bits (0..1) of two class histograms (n_classes,) of counts in the same order.

    Two samples of one source are above 0 by chance, by about (classes - 1) / 5.5 x (1 / n_first + 1 / n_second).
    Method: Lin (1991). Raises ValueError on unequal lengths, negative counts or an empty histogram.
    """
    one, two = _histogram(first), _histogram(second)
    if len(one) != len(two):
        raise ValueError(f"two histograms of the same classes are of one length, not {len(one)} and {len(two)}")
    p, q = one / one.sum(), two / two.sum()
    return min(1.0, max(0.0, _bits((p + q) / 2.0) - (_bits(p) + _bits(q)) / 2.0))


def ks_distance(first: ArrayLike, second: ArrayLike) -> Distance:
    """The largest distance between two cumulative distributions, with an interval that chance alone keeps to.

    Where both samples are of one source the distance stays under 1.36 sqrt(1/n + 1/m) in 95 % of cases
    (Smirnov 1948); that much is taken off and put on. It is wider than needed where they differ, and with ties.
    """
    found = ks(first, second).distance
    n, m = np.size(np.asarray(first)), np.size(np.asarray(second))
    half = 1.358 * sqrt(1.0 / n + 1.0 / m)
    return Distance(found, max(0.0, found - half), min(1.0, found + half))


def histogram_distance(first: ArrayLike, second: ArrayLike, *, draws: int = 200, seed: int = 0) -> Distance:
    """Jensen and Shannon's distance (the root of the divergence in bits) of two histograms of the same classes.

    What random splits of the pooled rows give on average is taken off the divergence, for two samples of one
    source are never equal; the interval is normal, its width from a bootstrap of both samples. Raises ValueError
    as `jensen_shannon` does.
    """
    one, two = _histogram(first), _histogram(second)
    seen = jensen_shannon(one, two)
    rng = np.random.default_rng(seed)
    pooled = (one + two).astype(np.int64)
    split = rng.multivariate_hypergeometric(pooled, int(one.sum()), size=draws)
    chance = float(np.mean([jensen_shannon(each, pooled - each) for each in split]))
    again = [rng.multinomial(int(each.sum()), each / each.sum(), size=draws) for each in (one, two)]
    spread = float(np.std([jensen_shannon(a, b) for a, b in zip(*again, strict=True)]))
    middle, half = max(0.0, seen - chance), quantiles.normal(0.95) * spread
    return Distance(sqrt(middle), sqrt(max(0.0, middle - half)), min(1.0, sqrt(middle + half)))


def stratification(
    first: Mapping[str, int], second: Mapping[str, int], *, draws: int = 1000, seed: int = 0
) -> Stratification:
    """Compares the rows by class of two splits; a class that a mapping does not name has no row there.

    The p-value is by simulation, so that rare classes do no harm: chi-squared against `draws` random splits
    of the same sizes (Hope 1968), so never below 1 / (draws + 1).
    Raises ValueError where either split has no row, a count is negative, or `draws` is below 99.
    """
    if draws < 99:
        raise ValueError(f"{draws} random splits are too few for a p-value; at least 99 are needed")
    names = sorted(first.keys() | second.keys())
    one, two = (_histogram([split.get(name, 0) for name in names]) for split in (first, second))
    differences = two / two.sum() - one / one.sum()
    widest = int(np.abs(differences).argmax())
    missing = tuple(name for name, a, b in zip(names, one, two, strict=True) if (a == 0.0) != (b == 0.0))
    p = _split_p(one, two, draws, seed)
    return Stratification(names[widest], float(differences[widest]), missing, jensen_shannon(one, two), p)


def _split_p(one: Floats, two: Floats, draws: int, seed: int) -> float:
    both = (one + two)[one + two > 0.0]
    expected = both * two.sum() / both.sum()
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_hypergeometric(both.astype(np.int64), int(two.sum()), size=draws)
    distances = ((drawn - expected) ** 2 / both).sum(axis=1)
    seen = float(((two[one + two > 0.0] - expected) ** 2 / both).sum())
    return float((1 + np.count_nonzero(distances >= seen * (1.0 - 1e-12))) / (draws + 1))


def _newcombe(value: float, n_first: int, n_second: int, level: float) -> Interval:
    """The true areas that make the one seen no surprise, for areas of which DeLong's variance says nothing."""
    z, worth = quantiles.normal(level), (n_first + n_second) / 2.0 - 1.0

    def surprise(area: float) -> float:
        inner = 1.0 + worth * ((1.0 - area) / (2.0 - area) + area / (1.0 + area))
        return (value - area) ** 2 - z * z * area * (1.0 - area) * inner / (n_first * n_second)

    def end(far: float) -> float:
        near = value
        for _ in range(60):
            middle = (near + far) / 2.0
            near, far = (middle, far) if surprise(middle) < 0.0 else (near, middle)
        return near

    return Interval(end(0.0), end(1.0))


def _midranks(values: Floats) -> Floats:
    """Ranks from 1, the mean rank where values tie."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place], dtype=np.float64)


def _bits(shares: Floats) -> float:
    held = shares[shares > 0.0]
    return float(-(held * np.log2(held)).sum())


def _scores(values: ArrayLike) -> Floats:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or len(scores) < 2:
        raise ValueError(f"a sample is a list of at least two numbers, not of shape {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("a sample holds a number that is not finite")
    return scores


def _histogram(counts: ArrayLike) -> Floats:
    rows = np.asarray(counts, dtype=np.float64)
    if rows.ndim != 1 or rows.size == 0 or not (rows >= 0.0).all() or rows.sum() == 0.0:
        raise ValueError("a histogram is a list of counts, none negative, with at least one row")
    return rows
