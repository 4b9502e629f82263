"""Draws with a known chance, and what a drawn sample says of all rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.stats import quantiles
from toolkit.stats.intervals import score_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Drawn(NamedTuple):
    """Sorted places that were drawn, and the chance that each had, in 0..1."""

    place: Ints
    chance: Floats


class Estimate(NamedTuple):
    """A share of all requests (0..1) with its 95 % interval, from `rows` rows that stand for `requests`."""

    rate: float
    low: float
    high: float
    rows: int
    requests: float


def by_size(size: npt.ArrayLike, n: int, rng: np.random.Generator, order: Ints | None = None) -> Drawn:
    """`n` different units, each with a chance in proportion to its size; one too large for that is surely drawn.

    Sizes are positive. Systematic from a random start (Madow 1949), so the chances are exact, over a random
    order; over one that is given, every stretch of it gets its share of the draws.
    """
    sizes = np.asarray(size, np.float64)
    chance = chances(sizes, n)
    order = rng.permutation(len(sizes)) if order is None else order
    ends = np.cumsum(chance[order])
    marks = rng.random() + np.arange(len(sizes) + 1)
    hit = np.searchsorted(marks, ends, side="left") > np.searchsorted(marks, np.r_[0.0, ends[:-1]], side="left")
    place = np.sort(order[hit | (chance[order] >= 1)])
    return Drawn(place, chance[place])


def chances(sizes: Floats, n: int) -> Floats:
    """The chance of each unit when `n` are drawn in proportion to size, shape (units,)."""
    if n >= len(sizes):
        return np.ones(len(sizes))
    sure = np.zeros(len(sizes), np.bool_)
    while True:
        rest = sizes[~sure].sum()
        chance = np.where(sure, 1.0, sizes * (n - sure.sum()) / rest if rest else 0.0)
        more = (chance >= 1 - 1e-12) & ~sure
        if not more.any():
            return np.asarray(chance, np.float64)
        sure |= more


def rate_by_size(wrong: npt.ArrayLike, size: npt.ArrayLike, chance: npt.ArrayLike, total: float) -> Estimate:
    """The share of `total` requests that is wrong, from units drawn by size.

    wrong, size, chance: of the judged units, shape (n,). Surely drawn units speak for themselves; of the
    others each drawn unit speaks for as many requests as any other, so their plain mean is the rate and
    Wilson's interval is its own. Raises ValueError where units with a chance below 1 were drawn but none judged.
    """
    bad, sizes, chances_ = (np.asarray(each, np.float64) for each in (wrong, size, chance))
    sure = chances_ >= 1
    known = float(sizes[sure].sum())
    rest = max(total - known, 0.0)
    certain = float((bad * sizes)[sure].sum())
    n = int((~sure).sum())
    if rest > 1e-9 and not n:
        raise ValueError("no unit of the random part was judged")
    if not n:
        return Estimate(certain / known, certain / known, certain / known, len(bad), known)
    mean = float(bad[~sure].mean())
    low, high = score_interval(mean, n, quantiles.normal(0.95))
    rate, least, most = ((certain + rest * each) / total for each in (mean, low, high))
    return Estimate(rate, least, most, len(bad), total)
