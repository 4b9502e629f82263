"""How probable each class is for a row, told by a classifier that has not seen the row.

The probe is only as good as its accuracy, so it is reported beside two baselines: always naming the
largest class, and the vote of the nearest rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable
from toolkit.near.cores import side_by_side
from toolkit.near.logistic import Fitted, fit, probabilities

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.floating]

# The first fit must withstand wrong labels, the second has fewer of them and may follow the rows closer.
PENALTIES = (10.0, 30.0)
# Nats a row: the first round only says which rows to leave out.
TOLERANCES = (1e-3, 1e-4)
# Of samples, in float32: the order of doubt moves by less than it does with the fold seed (noisy_hwu64:
# average precision .9473 for .9476), for a third of the time.
COARSE = (1e-2, 1e-2)
BLOCK = 16_384
DOUBTED = 0.1
NEIGHBOURS = 10
ASKED = 2_000


@dataclass(frozen=True, slots=True)
class Probe:
    """Out-of-sample class probabilities of the rows that can be judged.

    rows: their places in the input, shape (n,). label: the given class of each, 0..k-1. classes: k
    names, sorted. probabilities: (n, k), the geometric mean over fold draws. accuracy, majority,
    neighbours: share of judged rows whose given label the probe, the largest class and the 10 nearest
    rows name. folds: how many. too_small: rows of each class with fewer groups than folds; those rows
    are not judged. trained: rows a fit has seen at most.
    """

    rows: Ints
    label: Ints
    classes: tuple[str, ...]
    probabilities: Shares
    accuracy: float
    majority: float
    neighbours: float
    folds: int
    converged: bool
    too_small: dict[str, int]
    trained: int

    def weakness(self) -> str | None:
        """Why the probe cannot judge labels, in words; None where it can.

        It must have converged, close three tenths of the gap between the majority share and 1, be
        three standard errors above the majority, and be no more than .05 under the neighbours.
        """
        if not self.converged:
            return "the probe did not converge"
        error = 3 * np.sqrt(self.majority * (1 - self.majority) / max(len(self.rows), 1))
        told = f"the probe names the given label in {self.accuracy:.1%} of rows"
        if self.accuracy < max(self.majority + 0.3 * (1 - self.majority), self.majority + error):
            return f"{told}, the largest class alone in {self.majority:.1%}"
        if self.accuracy < self.neighbours - 0.05:
            return f"{told}, the vote of the nearest rows in {self.neighbours:.1%}"
        return None


def probe(
    vectors: npt.NDArray[np.floating],
    labels: Sequence[str],
    groups: Ints,
    *,
    folds: int = 5,
    draws: int = 1,
    most: int = 20_000,
    seed: int = 0,
) -> Probe:
    """Cross-fitted probabilities of multinomial logistic regression with one round of retraining.

    vectors: (n, d). groups: (n,) component of each row; rows of one group are never on both sides of
    a fold, so that copies cannot vouch for each other. In each fold the second fit leaves out training
    rows whose own label the first round (out of sample too) gave less than .1, never more than half
    of a class. draws: how many times folds are drawn anew. most: a fit sees at most so many rows; of more
    rows in all everything is float32, and the fits are less fine.
    Raises NotApplicable where fewer than two classes have as many groups as folds.
    """
    names, code = np.unique(np.asarray(labels, str), return_inverse=True)
    small = _small(code, groups, len(names), folds)
    rows = np.flatnonzero(~small[code])
    if (~small).sum() < 2:
        raise NotApplicable(f"fewer than two classes have {folds} rows that are not near-duplicates")
    label = (np.cumsum(~small) - 1)[code[rows]]
    features = _with_ones(vectors, rows, np.dtype(np.float64 if len(rows) <= most else np.float32))
    told = np.zeros((len(rows), int(label.max()) + 1), features.dtype)
    fits: list[Fitted] = []
    fold = np.zeros(len(rows), np.int64)
    for draw in range(draws):
        fold = group_folds(label, groups[rows], folds, seed=seed + draw)
        found = _cross_fit(features, label, fold, most=most, seed=seed + draw, fits=fits)
        told += np.log(np.maximum(found, 1e-12, out=found), out=found) / draws
    shares = _normalised(told)
    return Probe(
        rows=rows,
        label=label,
        classes=tuple(names[~small].tolist()),
        probabilities=shares,
        accuracy=float((shares.argmax(axis=1) == label).mean()),
        majority=float(np.bincount(label).max() / len(label)),
        neighbours=neighbour_accuracy(features[:, :-1], label, fold, seed=seed),
        folds=folds,
        converged=all(each.converged for each in fits),
        too_small={str(names[at]): int((code == at).sum()) for at in np.flatnonzero(small)},
        trained=min(most, int((fold != 0).sum())),
    )


def group_folds(label: Ints, groups: Ints, folds: int, *, seed: int) -> Ints:
    """The fold of each row, shape (n,): classes spread evenly, groups whole.

    Groups of several rows are placed first, the largest first, where their most frequent class is
    rarest so far; single rows then even out the rest of each class.
    """
    rng = np.random.default_rng(seed)
    fold = np.full(len(label), -1, np.int64)
    held = np.zeros((folds, int(label.max()) + 1), np.int64)
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    starts = np.cumsum(size) - size
    several = np.flatnonzero(size > 1)
    for at in several[np.lexsort((rng.permutation(len(several)), -size[several]))].tolist():
        members = order[starts[at] : starts[at] + size[at]]
        counts = np.bincount(label[members], minlength=held.shape[1])
        best = int(np.lexsort((held.sum(axis=1), held[:, counts.argmax()]))[0])
        fold[members] = best
        held[best] += counts
    for one in range(held.shape[1]):
        alone = rng.permutation(np.flatnonzero((label == one) & (fold < 0)))
        fold[alone] = _evened(held[:, one], len(alone), rng)
    return fold


def neighbour_accuracy(vectors: Shares, label: Ints, fold: Ints, *, seed: int = 0) -> float:
    """Share of at most 2,000 rows whose 10 nearest rows of other folds, by cosine, vote for their label."""
    rng = np.random.default_rng(seed)
    asked = np.sort(rng.permutation(len(label))[:ASKED])
    known = np.sort(rng.permutation(len(label))[: 10 * ASKED])
    near = _unit(vectors[asked]) @ _unit(vectors[known]).T
    near[fold[asked][:, None] == fold[known][None, :]] = -2
    count = min(NEIGHBOURS, len(known))
    nearest = np.argpartition(-near, count - 1, axis=1)[:, :count]
    votes = np.zeros((len(asked), int(label.max()) + 1))
    weight = np.maximum(np.take_along_axis(near, nearest, axis=1), 0)
    np.add.at(votes, (np.arange(len(asked))[:, None], label[known][nearest]), weight)
    return float((votes.argmax(axis=1) == label[asked]).mean())


def _with_ones(vectors: Shares, rows: Ints, kind: np.dtype[np.floating]) -> Shares:
    """The chosen rows with a column of ones, shape (n, d + 1); made in blocks, held once."""
    made = np.ones((len(rows), vectors.shape[1] + 1), kind)
    for at in range(0, len(rows), BLOCK):
        made[at : at + BLOCK, :-1] = vectors[rows[at : at + BLOCK]]
    return made


def _unit(vectors: Shares) -> npt.NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def _cross_fit(features: Shares, label: Ints, fold: Ints, *, most: int, seed: int, fits: list[Fitted]) -> Shares:
    """Both rounds for one draw of folds, shape (n, k)."""
    first, seen = _round(features, label, fold, most=most, seed=seed, start=None)
    keep = _believed(first, label)
    second, again = _round(features, label, np.where(keep, fold, -1 - fold), most=most, seed=seed, start=seen)
    fits += seen + again
    return second


def _round(
    features: Shares, label: Ints, fold: Ints, *, most: int, seed: int, start: list[Fitted] | None
) -> tuple[Shares, list[Fitted]]:
    """One fit a fold. A row of fold -1 - f is left out of training and predicted with fold f."""
    home = np.where(fold < 0, -1 - fold, fold)
    n_classes = int(label.max()) + 1

    def fold_of(at: int) -> Fitted:
        rows = np.flatnonzero((home != at) & (fold >= 0))
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
        warm = start[at].weights if start else None
        tolerances = COARSE if features.dtype == np.float32 else TOLERANCES
        c, tolerance = (PENALTIES[1], tolerances[1]) if start else (PENALTIES[0], tolerances[0])
        return fit(features[rows], label[rows], n_classes, c=c, start=warm, tolerance=tolerance)

    fits = side_by_side(fold_of, range(int(home.max()) + 1))
    told = np.empty((len(label), n_classes), features.dtype)

    def tell(at: int) -> None:
        for each in range(len(fits)):
            rows = at + np.flatnonzero(home[at : at + BLOCK] == each)
            told[rows] = probabilities(features[rows], fits[each].weights)

    side_by_side(tell, range(0, len(label), BLOCK))
    return told, fits


def _believed(shares: Shares, label: Ints) -> Bools:
    """Rows to train on again, shape (n,): own label at least .1, or in the better half of the class."""
    own = shares[np.arange(len(label)), label]
    order = np.argsort(label, kind="stable")
    by_class = np.split(own[order], np.cumsum(np.bincount(label, minlength=shares.shape[1]))[:-1])
    middle = np.array([np.median(each) for each in by_class])
    return np.asarray((own >= DOUBTED) | (own >= middle[label]))


def _small(code: Ints, groups: Ints, n_classes: int, folds: int) -> Bools:
    """Which classes have fewer groups than folds, shape (n_classes,)."""
    pairs = np.unique(np.stack([code, groups]), axis=1)
    return np.asarray(np.bincount(pairs[0], minlength=n_classes) < folds)


def _evened(held: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Folds for `count` more rows of a class that fill the emptiest first; ties fall by chance."""
    level = held[:, None] + np.arange(count)[None, :]
    tie = rng.permutation(len(held))
    order = np.lexsort((np.repeat(tie, count), level.ravel()))[:count]
    return np.asarray(order // max(count, 1), np.int64)


def _normalised(logs: Shares) -> Shares:
    """exp of each row with a sum of 1, made in place."""
    logs -= logs.max(axis=1, keepdims=True)
    np.exp(logs, out=logs)
    logs /= logs.sum(axis=1, keepdims=True)
    return logs
