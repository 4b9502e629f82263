"""What a whole run will cost, seen from its first part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
"""The level that the interval is computed at, so that it covers in 90 % of runs: a pilot that ends as soon as
its interval is narrow ends where chance has made it narrow. In simulation 0.90 covered 86 to 93 %."""


class Total(NamedTuple):
    """A cost for `wanted` rows with its 90 % interval, and that of one row."""

    expected: float
    low: float
    high: float
    per_row: float

    @property
    def half_width(self) -> float:
        """How far the interval reaches, as a share of the expected cost; the further side."""
        return max(self.high / self.expected, self.expected / self.low) - 1 if self.low else 0.0


def total(costs: Sequence[float], rows: Sequence[int], wanted: int) -> Total | None:
    """The cost of a run that ends at `wanted` accepted rows, from its first conversations.

    costs, rows: of each conversation, what it cost and how many accepted rows it gave, at least two. None
    before the first accepted row. Conversations count as draws from one population: a yield that falls
    later, as when a model has said all it knows, is not foreseen.

    Method: ratio estimator (Cochran 1977, chapter 6) with Student's t, plus the spread of the
    conversations still to come, on a log scale, because costs are skewed.
    """
    from scipy.special import stdtrit

    cost, made = np.asarray(costs, float), np.asarray(rows, float)
    n, sum_made = len(cost), made.sum()
    if n < 2 or not sum_made:
        return None
    each, rest = cost.sum() / sum_made, max(0.0, wanted - sum_made)
    expected = cost.sum() + rest * each
    if not expected:
        return Total(0.0, 0.0, 0.0, 0.0)
    spread = ((cost - each * made) ** 2).sum() / (n - 1)
    mean = made.mean()
    error = math.sqrt(spread * (rest**2 / (n * mean**2) + rest / mean)) / expected
    factor = math.exp(min(float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * error, 50.0))
    return Total(float(expected), float(expected / factor), float(expected * factor), float(each))
