"""Which labels are probably wrong, how many, and which classes are taken for each other.

Ranking, flags and the count are cleanlab's (Northcutt, Jiang, Chuang 2021, confident learning), on
the probabilities of `near.probe`. What cleanlab does with copies of the whole table is done in blocks of
rows here, to the same result: a million rows in 150 classes took it gigabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.probe import Probe

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
DRAWS = 500
BLOCK = 65_536
# Cleanlab's: what a class must be confident of at least, and how far a tie reaches.
LEAST, TIE = 2e-6, 1e-6
# The confident joint counts only errors that look more typical than the average row of their class,
# which on small clean sets is nearly none; a label under this probability is flagged in any case.
SURE = 0.02


class Rate(NamedTuple):
    """A share of rows, 0..1, with its 95 % interval."""

    value: float
    low: float
    high: float


class Confusion(NamedTuple):
    """Flagged rows given one class for which another is suggested."""

    given: str
    suggested: str
    rows: int


@dataclass(frozen=True, slots=True)
class Noise:
    """What the labels of a probe's rows came to; arrays have shape (n,), in the order of `Probe.rows`.

    score: 0 to 1, one minus cleanlab's label quality, bent so that .5 is where its estimate of the
    number of wrong labels is used up: flagged is score >= .5. A label under .02 is flagged in any
    case, one over .5 never. suggested: the most probable class.
    p_given, p_suggested: out-of-sample probabilities.
    """

    score: Floats
    flagged: npt.NDArray[np.bool_]
    suggested: Ints
    p_given: Floats
    p_suggested: Floats
    confused: tuple[Confusion, ...]


def label_noise(found: Probe) -> Noise:
    """Scores, flags and suggestions for the rows of a probe. Ask `found.weakness()` first."""
    label, shares = found.label, found.probabilities
    every = np.arange(len(label))
    own, suggested = shares[every, label], shares.argmax(axis=1)
    likeliest = shares[every, suggested]
    confident = confident_class(label, shares)
    counted = np.zeros(len(label), np.bool_)
    doubted = (confident >= 0) & (confident != label) & (own + TIE < likeliest)
    counted[np.argsort(own, kind="stable")[: doubted.sum()]] = True
    score = _bent(1 - own, (counted & (own < 0.5)) | (own < SURE))
    flagged = score >= 0.5
    return Noise(
        score=score,
        flagged=flagged,
        suggested=suggested,
        p_given=own,
        p_suggested=likeliest,
        confused=_confused(found, flagged, suggested),
    )


def noise_rate(found: Probe, groups: Ints, *, seed: int = 0) -> Rate:
    """The share of wrong labels by cleanlab's confident joint, with a bootstrap interval over groups.

    groups: (n,) component of each judged row. The interval holds for the draw of rows alone: what the
    probe takes for an error by its own weakness is in the value. A rate to rely on needs an audit.
    """
    from cleanlab.count import calibrate_confident_joint

    label, k = found.label, found.probabilities.shape[1]
    confident = confident_class(label, found.probabilities)
    sure = confident >= 0
    counted = np.bincount(label[sure] * k + confident[sure], minlength=k * k).reshape(k, k)
    np.fill_diagonal(counted, np.maximum(counted.diagonal(), 1))
    joint = calibrate_confident_joint(counted, label) / len(label)
    rates = _resampled(label, confident, groups, seed)
    low, high = np.quantile(rates, [0.025, 0.975])
    value = float(1 - np.trace(joint))
    return Rate(value, min(float(low), value), max(float(high), value))


def confident_class(label: Ints, shares: Floats) -> Ints:
    """The class a row is confidently counted into, shape (n,), -1 for none.

    That whose probability reaches the mean that rows of that label have; of several, the most probable of all.
    """
    k = shares.shape[1]
    own = shares[np.arange(len(label)), label]
    bar = np.bincount(label, own, minlength=k) / np.maximum(np.bincount(label, minlength=k), 1)
    bar = np.maximum(bar, LEAST).astype(shares.dtype) - shares.dtype.type(TIE)
    told = np.empty(len(label), np.int64)
    for at in range(0, len(label), BLOCK):
        block = shares[at : at + BLOCK]
        reaching = block >= bar
        times = reaching.sum(axis=1)
        told[at : at + BLOCK] = np.where(times > 1, block.argmax(axis=1), np.where(times, reaching.argmax(axis=1), -1))
    return told


def _resampled(label: Ints, confident: Ints, groups: Ints, seed: int) -> Floats:
    """Noise rates of resampled groups, shape (DRAWS,): by class, confident errors over confident rows."""
    _, group = np.unique(groups, return_inverse=True)
    n_groups, k = int(group.max()) + 1, int(label.max()) + 1
    rng = np.random.default_rng(seed)
    rates = np.empty(DRAWS)
    for draw in range(DRAWS):
        times = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)[group].astype(np.float64)
        rows = np.bincount(label, times, minlength=k)
        sure = np.bincount(label, times * (confident >= 0), minlength=k)
        wrong = np.bincount(label, times * ((confident >= 0) & (confident != label)), minlength=k)
        rates[draw] = (rows * wrong / np.maximum(sure, 1)).sum() / rows.sum()
    return rates


def _bent(doubt: Floats, flagged: npt.NDArray[np.bool_]) -> Floats:
    """Doubt moved on the logit scale so that .5 lies between the flagged and the other rows.

    The order stays. Where nothing is flagged all scores are below .5.
    """
    odds = np.log(np.clip(doubt, 1e-9, 1 - 1e-9)) - np.log1p(-np.clip(doubt, 1e-9, 1 - 1e-9))
    if flagged.all() or not flagged.any():
        middle = odds.min() - 1 if flagged.any() else max(odds.max() + 1, 0.0)
    else:
        middle = (odds[flagged].min() + odds[~flagged].max()) / 2
    return np.asarray(1 / (1 + np.exp(middle - odds)), np.float64)


def _confused(found: Probe, flagged: npt.NDArray[np.bool_], suggested: Ints) -> tuple[Confusion, ...]:
    """Pairs of classes by the number of flagged rows, most first."""
    apart = flagged & (suggested != found.label)
    pairs, count = np.unique(np.stack([found.label[apart], suggested[apart]]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], pairs[0], -count))
    return tuple(
        Confusion(found.classes[pairs[0, at]], found.classes[pairs[1, at]], int(count[at])) for at in order.tolist()
    )
