"""The rate of errors in a data set from a few rows that a person looked at.

Rows that a detector flagged are audited more often than the rest, so each group is weighed by its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit.stats import quantiles
from toolkit.stats.intervals import Interval, score_interval


class Stratum(NamedTuple):
    """A group of `rows`, of which `audited` were drawn at random and looked at; `errors` of those were wrong."""

    rows: int
    audited: int
    errors: int


class AuditRate(NamedTuple):
    """Estimated share of errors over all `rows` (0..1) with its interval, from `audited` of them."""

    rate: float
    low: float
    high: float
    rows: int
    audited: int


def audit_rate(strata: Sequence[Stratum], *, level: float = 0.95) -> AuditRate:
    """Share of errors over all strata, usually flagged and unflagged rows.

    Sum of weight x rate; the interval adds the distances to each stratum's Wilson ends in squares (MOVER;
    Zou and Donner 2008), so a stratum in which the audit saw no error still widens it upwards. Sampling
    without replacement shrinks a stratum's share: one that was audited whole adds no uncertainty.

    Raises ValueError where there are no rows, counts cannot be, or a stratum with rows was not audited.
    """
    seen = [_checked(stratum) for stratum in strata if _checked(stratum).rows]
    rows = sum(stratum.rows for stratum in seen)
    if not rows:
        raise ValueError("an audit of no rows has no rate")
    z = quantiles.normal(level)
    weights = [stratum.rows / rows for stratum in seen]
    rates = [stratum.errors / stratum.audited for stratum in seen]
    ends = [_ends(stratum, z) for stratum in seen]
    rate = sum(w * p for w, p in zip(weights, rates, strict=True))
    below = sqrt(sum((w * (p - end.low)) ** 2 for w, p, end in zip(weights, rates, ends, strict=True)))
    above = sqrt(sum((w * (end.high - p)) ** 2 for w, p, end in zip(weights, rates, ends, strict=True)))
    audited = sum(stratum.audited for stratum in seen)
    return AuditRate(rate, max(0.0, rate - below), min(1.0, rate + above), rows, audited)


def allocate(rows: Sequence[int], rates: Sequence[float], total: int, *, least: int = 10) -> list[int]:
    """How many of `total` rows to audit in each stratum so that the rate is known best.

    `rows` are the stratum sizes, `rates` the guessed error rates (0..1). Neyman (1934), share by size x
    standard deviation; each stratum gets at least `least` rows, or all it has, and a guess nearer than .01
    to 0 or 1 counts as .01 off, because a guess of no errors would leave a stratum unseen.

    The sum is `total`, or all rows where there are fewer. Raises ValueError on unequal lengths, negative
    sizes, rates outside 0..1, `least` below 1, or a total too small for the least rows of each.
    """
    sizes = _sizes(rows, rates)
    floor = np.minimum(sizes, least)
    if least < 1:
        raise ValueError(f"a stratum with {least} audited rows has no rate; the least is 1")
    if total < floor.sum():
        raise ValueError(f"{total} rows are too few to audit: {least} a stratum need {floor.sum()}")
    guess = np.clip(np.asarray(rates, dtype=np.float64), 0.01, 0.99)
    pull = sizes * np.sqrt(guess * (1.0 - guess))
    given = floor.copy()
    # A row at a time to the stratum whose variance it lowers most: Neyman's optimum under floors and caps.
    for _ in range(min(total, int(sizes.sum())) - int(floor.sum())):
        worth = np.where(given < sizes, pull**2 / (np.maximum(given, 1) * (given + 1.0)), -1.0)
        given[int(worth.argmax())] += 1
    return [int(count) for count in given]


def _ends(stratum: Stratum, z: float) -> Interval:
    rate = stratum.errors / stratum.audited
    if stratum.audited == stratum.rows:
        return Interval(rate, rate)
    worth = stratum.audited * (stratum.rows - 1) / (stratum.rows - stratum.audited)
    return score_interval(rate, worth, z)


def _checked(stratum: Stratum) -> Stratum:
    rows, audited, errors = stratum
    if not 0 <= errors <= audited <= rows:
        raise ValueError(f"{errors} errors in {audited} audited of {rows} rows cannot be")
    if rows and not audited:
        raise ValueError(f"a stratum of {rows} rows was not audited: its rate is unknown")
    return stratum


def _sizes(rows: Sequence[int], rates: Sequence[float]) -> NDArray[np.int64]:
    if len(rows) != len(rates) or not rows:
        raise ValueError(f"each stratum has a size and a guessed rate, not {len(rows)} and {len(rates)}")
    if min(rows) < 0 or not all(0.0 <= rate <= 1.0 for rate in rates):
        raise ValueError("sizes are not negative and rates lie in 0..1")
    return np.asarray(rows, dtype=np.int64)
