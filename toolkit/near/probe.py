"""How probable each class is for a row, told by a classifier that has not seen the row.

The probe is only as good as its accuracy, so it is reported beside two baselines: always naming the
largest class, and the vote of the nearest rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
# Rows of a class that a sample has at least, where there are so many: fewer make all the others look wrong.
LEAST = 10
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
    vectors: Shares | tuple[Shares, ...],
    labels: Sequence[str],
    groups: Ints,
    *,
    folds: int = 5,
    draws: int = 1,
    most: int = 20_000,
    seed: int = 0,
) -> Probe:
    """Cross-fitted probabilities of multinomial logistic regression with one round of retraining.

    vectors: (n, d), or several such that stand side by side. groups: (n,) component of each row; rows of one
    group are never on both sides of a fold, so that copies cannot vouch for each other. In each fold the
    second fit leaves out training rows whose own label the first round (out of sample too) gave less than
    .1, never more than half of a class. draws: how many times folds are drawn anew. most: a fit sees at most
    so many rows, drawn from each class by its size, 10 of a class at least. Of more rows in all everything
    is float32 and made in blocks, the fits are less fine, and the folds as few as leave a fit its rows: two
    from 2 `most` on. Memory beside `vectors`: the answer, 4 bytes a row and class.
    Raises NotApplicable where fewer than two classes have as many groups as folds.
    """
    names, code = np.unique(np.asarray(labels, str), return_inverse=True)
    small = _small(code, groups, len(names), folds)
    rows = np.flatnonzero(~small[code])
    if (~small).sum() < 2:
        raise NotApplicable(f"fewer than two classes have {folds} rows that are not near-duplicates")
    label = (np.cumsum(~small) - 1)[code[rows]]
    given = _given(vectors if isinstance(vectors, tuple) else (vectors,), rows, label, most=most, seed=seed)
    folds = _enough(folds, len(rows), most)
    told: Shares | None = None
    fits: list[Fitted] = []
    for draw in range(draws):
        fold = group_folds(label, groups[rows], folds, seed=seed + draw)
        found = _cross_fit(given._replace(seed=seed + draw), fold, fits)
        np.log(np.maximum(found, 1e-12, out=found), out=found)
        found /= draws
        told = found if told is None else np.add(told, found, out=told)
    assert told is not None  # noqa: S101 - there is a draw
    shares = _normalised(told)
    return Probe(
        rows=rows,
        label=label,
        classes=tuple(names[~small].tolist()),
        probabilities=shares,
        accuracy=float((shares.argmax(axis=1) == label).mean()),
        majority=float(np.bincount(label).max() / len(label)),
        neighbours=_neighbours(given, fold, seed=seed),
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


class _Given(NamedTuple):
    """What is cross-fitted. take: the rows at some places with a column of ones, (m, d + 1), of type `kind`."""

    take: Callable[[Ints], Shares]
    label: Ints
    classes: int
    kind: np.dtype[np.floating]
    most: int
    seed: int


def _given(parts: tuple[Shares, ...], rows: Ints, label: Ints, *, most: int, seed: int) -> _Given:
    """Few rows are held once with their ones; of many only those are made that are asked for."""
    few = len(rows) <= most
    kind: np.dtype[np.floating] = np.dtype(np.float64) if few else np.dtype(np.float32)
    held = _with_ones(parts, rows, kind) if few else None

    def take(at: Ints) -> Shares:
        return held[at] if held is not None else _with_ones(parts, rows[at], kind)

    return _Given(take, label, int(label.max()) + 1, kind, most, seed)


def _enough(folds: int, n: int, most: int) -> int:
    """The fewest folds in which a fit has `most` rows to learn from, up to `folds`."""
    return folds if n <= most else int(np.clip(-(-n // (n - most)), 2, folds))


def _neighbours(given: _Given, fold: Ints, *, seed: int) -> float:
    """Share of at most 2,000 rows whose 10 nearest rows of other folds, by cosine, vote for their label."""
    rng, label = np.random.default_rng(seed), given.label
    asked = np.sort(rng.permutation(len(label))[:ASKED])
    known = np.sort(rng.permutation(len(label))[: 10 * ASKED])
    near = _unit(given.take(asked)[:, :-1]) @ _unit(given.take(known)[:, :-1]).T
    near[fold[asked][:, None] == fold[known][None, :]] = -2
    count = min(NEIGHBOURS, len(known))
    nearest = np.argpartition(-near, count - 1, axis=1)[:, :count]
    votes = np.zeros((len(asked), given.classes))
    weight = np.maximum(np.take_along_axis(near, nearest, axis=1), 0)
    np.add.at(votes, (np.arange(len(asked))[:, None], label[known][nearest]), weight)
    return float((votes.argmax(axis=1) == label[asked]).mean())


def _with_ones(parts: tuple[Shares, ...], rows: Ints, kind: np.dtype[np.floating]) -> Shares:
    """The chosen rows of all parts side by side, and a column of ones, shape (n, d + 1)."""
    made = np.ones((len(rows), sum(part.shape[1] for part in parts) + 1), kind)
    begin = 0
    for part in parts:
        made[:, begin : begin + part.shape[1]] = part[rows]
        begin += part.shape[1]
    return made


def _unit(vectors: Shares) -> npt.NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def _cross_fit(given: _Given, fold: Ints, fits: list[Fitted]) -> Shares:
    """Both rounds for one draw of folds, shape (n, k)."""
    label = given.label
    seen = _fits(given, fold, start=None)
    own = np.empty(len(label), given.kind)

    def keep_own(rows: Ints, shares: Shares) -> None:
        own[rows] = shares[np.arange(len(rows)), label[rows]]

    _predict(given, fold, seen, keep_own)
    again = _fits(given, np.where(_believed(own, label, given.classes), fold, -1), start=seen)
    told = np.empty((len(label), given.classes), given.kind)
    _predict(given, fold, again, told.__setitem__)
    fits += seen + again
    return told


def _fits(given: _Given, fold: Ints, *, start: list[Fitted] | None) -> list[Fitted]:
    """One fit a fold, on the rows of the other folds; a row of fold -1 is in no fit."""
    tolerances = COARSE if given.kind == np.float32 else TOLERANCES

    def fold_of(at: int) -> Fitted:
        rows = _sampled(np.flatnonzero((fold != at) & (fold >= 0)), given)
        warm = start[at].weights if start else None
        c, tolerance = (PENALTIES[1], tolerances[1]) if start else (PENALTIES[0], tolerances[0])
        return fit(given.take(rows), given.label[rows], given.classes, c=c, start=warm, tolerance=tolerance)

    return side_by_side(fold_of, range(len(start) if start else int(fold.max()) + 1))


def _sampled(rows: Ints, given: _Given) -> Ints:
    """At most `given.most` of the rows, sorted: of each class by its size, and `LEAST` of it where it has them."""
    if len(rows) <= given.most:
        return rows
    rows = np.random.default_rng(given.seed).permutation(rows)
    label = given.label[rows]
    size = np.bincount(label, minlength=given.classes)
    order = np.argsort(label, kind="stable")
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - (np.cumsum(size) - size)[label[order]]
    turn = np.where(place < LEAST, 0.0, (place + 0.5) / size[label])
    return np.sort(rows[np.argsort(turn, kind="stable")[: given.most]])


def _predict(given: _Given, fold: Ints, fits: list[Fitted], put: Callable[[Ints, Shares], None]) -> None:
    """Hand over places and class probabilities, each row's from the fit that has not seen its fold."""

    def tell(at: int) -> None:
        for each in range(len(fits)):
            rows = at + np.flatnonzero(fold[at : at + BLOCK] == each)
            put(rows, probabilities(given.take(rows), fits[each].weights))

    side_by_side(tell, range(0, len(fold), BLOCK))


def _believed(own: Shares, label: Ints, n_classes: int) -> Bools:
    """Rows to train on again, shape (n,): own label at least .1, or in the better half of the class."""
    order = np.argsort(label, kind="stable")
    by_class = np.split(own[order], np.cumsum(np.bincount(label, minlength=n_classes))[:-1])
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
