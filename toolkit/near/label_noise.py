"""Which labels are probably wrong, how many, and which classes are taken for each other.

Ranking, flags and the count are cleanlab's (Northcutt, Jiang, Chuang 2021, confident learning), on
the probabilities of `near.probe`.
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
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    label, shares = found.label, found.probabilities
    quality = get_label_quality_scores(label, shares, method="self_confidence")
    counted = find_label_issues(label, shares, filter_by="low_self_confidence", n_jobs=1)
    score = _bent(1 - quality, (counted & (quality < 0.5)) | (quality < SURE))
    flagged = score >= 0.5
    suggested = shares.argmax(axis=1)
    every = np.arange(len(label))
    return Noise(
        score=score,
        flagged=flagged,
        suggested=suggested,
        p_given=shares[every, label],
        p_suggested=shares[every, suggested],
        confused=_confused(found, flagged, suggested),
    )


def noise_rate(found: Probe, groups: Ints, *, seed: int = 0) -> Rate:
    """The share of wrong labels by cleanlab's confident joint, with a bootstrap interval over groups.

    groups: (n,) component of each judged row. The interval holds for the draw of rows alone: what the
    probe takes for an error by its own weakness is in the value. A rate to rely on needs an audit.
    """
    from cleanlab.count import compute_confident_joint, estimate_joint

    label, shares = found.label, found.probabilities
    counted = compute_confident_joint(label, shares, calibrate=True)
    joint = estimate_joint(label, shares, confident_joint=counted)
    rates = _resampled(label, confident_class(label, shares), groups, seed)
    low, high = np.quantile(rates, [0.025, 0.975])
    value = float(1 - np.trace(joint))
    return Rate(value, min(float(low), value), max(float(high), value))


def confident_class(label: Ints, shares: Floats) -> Ints:
    """The class a row is confidently counted into, shape (n,), -1 for none.

    The most probable of the classes whose probability reaches the mean that rows of that label have.
    """
    k = shares.shape[1]
    own = shares[np.arange(len(label)), label]
    bar = np.bincount(label, own, minlength=k) / np.maximum(np.bincount(label, minlength=k), 1)
    reaching = np.where(shares >= bar - 1e-6, shares, -1.0)
    return np.where(reaching.max(axis=1) >= 0, reaching.argmax(axis=1), -1)


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
