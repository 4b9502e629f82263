"""From evidence to a score: a fixed logistic weighing, and a bar that the data at hand sets.

The weights say what speaks for the same item, learned on other data. How much evidence different items
show by chance depends on the benchmark: problems of one textbook are more alike than questions of all
sorts. So every item is compared with the other items, and the bar is where that predicts few false flags.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from toolkit.near.contain import Evidence
from toolkit.near.windows import Floats, Ints

# Logistic regression over planted pairs (verbatim, typing errors, rule and hand rewordings, alone and inside longer
# texts) of six public sets: code, maths, instructions, questions, intents. Words, characters, numbers, (cosine,) bias.
WITH_COSINE = (4.0, 6.45, 2.2, 3.4, -11.8)
WITHOUT = (4.65, 7.75, 2.45, -10.4)
FALSE_SHARE = 0.05
USUAL_BAR = -2.0
CEILING = 1.0
TRUSTED = 50
LOW, HIGH = 0.80, 0.95


class Bar(NamedTuple):
    """value: logit from which on a pair counts. n: items it was learned from. expected: false flags at it."""

    value: float
    n: int
    expected: float


def logit(found: Evidence, cosine: Floats | None) -> Floats:
    """The weight of the evidence of each pair, shape (n,). Numbers that agree count by their rarity, for or against."""
    numbers = np.where(found.numbers >= 0, found.numbers - 0.5, 0.0) * np.log1p(found.number_weight)
    columns = [found.words, found.grams, numbers, *([] if cosine is None else [cosine]), np.ones(len(numbers))]
    weights = np.array(WITHOUT if cosine is None else WITH_COSINE)
    return np.asarray(np.stack(columns, axis=1) @ weights, np.float64)


def best_of(owner: Ints, value: Floats, n: int) -> Floats:
    """The largest value of each owner, shape (n,); -inf where it has none."""
    best = np.full(n, -np.inf)
    np.maximum.at(best, owner, value)
    return best


def bar(null: Floats, rows: Floats, n_rows: int) -> Bar:
    """Where the expected false flags are a small share of what is flagged, one row at least.

    null: for each item the best logit of another item, -inf where none comes near. rows: the best of
    each row that has a candidate, of `n_rows`. The upper tail of the null is taken as exponential, its
    scale from the 80th to the 95th percentile; items that the benchmark surely holds twice do not count.
    Few items say little: their bar is drawn to the usual one. Short items are so alike that no bar would
    do; it stays under the logit where the weighing alone is fairly sure. expected: NaN where unknown.
    """
    null = null[null <= CEILING]
    near = null[np.isfinite(null)]
    if len(near) < 2:
        return Bar(USUAL_BAR, len(null), float("nan"))
    low, high = np.quantile(np.where(np.isfinite(null), null, near.min()), [LOW, HIGH])
    scale = max(float(high - low) / np.log((1 - LOW) / (1 - HIGH)), 0.1)
    at = np.sort(rows[np.isfinite(rows)])
    expected = n_rows * (1 - HIGH) * np.exp(-(at - high) / scale)
    flagged = len(at) - np.arange(len(at))
    fine = np.flatnonzero((at > high) & (expected <= np.maximum(FALSE_SHARE * flagged, 1.0)))
    own = min(float(at[fine[0]]) if len(fine) else CEILING, CEILING)
    value = (len(null) * own + TRUSTED * USUAL_BAR) / (len(null) + TRUSTED)
    tail = min((1 - HIGH) * float(np.exp(-(value - high) / scale)), 1.0)
    return Bar(value, len(null), n_rows * tail)


def score(evidence: Floats, over: Bar) -> Floats:
    """0 to 1, a half at the bar."""
    return np.asarray(1 / (1 + np.exp(-np.clip(evidence - over.value, -30, 30))), np.float64)
