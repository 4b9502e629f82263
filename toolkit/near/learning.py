"""A linear probe on embeddings: what it scores with some of the rows, and which of the held-out rows it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.components import components
from toolkit.near.cores import side_by_side, single_threaded
from toolkit.near.logistic import fit, probabilities
from toolkit.near.pairs import near_pairs
from toolkit.near.probe import group_folds
from toolkit.stats.curve import Point
from toolkit.store.view import View

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Share of the rows and how often it is drawn: small draws differ more and cost less.
DRAWN = ((0.1, 5), (0.2, 5), (0.4, 4), (0.7, 3), (1.0, 1))
PENALTY = 10.0
TOLERANCE = 3e-3
COLUMNS = ("label", "question", "body", "group")
MANY = 1000


class Fold(NamedTuple):
    """Places of the rows to learn from and of those to be judged."""

    train: Ints
    test: Ints


class Scores(NamedTuple):
    """points: one a size. converged: whether every fit did."""

    points: list[Point]
    converged: bool


def labelled(view: View, most: int) -> pa.Table:
    """`COLUMNS` of the rows with a label, in the order of their contents and not of the file; at most so many."""
    table = view.table(*COLUMNS, "hash", "nth")
    table = table.filter(table.column("label").is_valid())
    order = np.lexsort((table.column("nth").to_numpy(), table.column("hash").to_numpy()))
    return table.take(pa.array(order[:most]))


def classes_of(names: Sequence[str]) -> int:
    """How many classes the labels are; 0 where nearly every row has one for itself."""
    n = len(set(names))
    return 0 if n > MANY and n > 0.5 * len(names) else n


def families(table: pa.Table, near: float) -> Ints:
    """The component of every row, shape (n,): near-duplicates, and rows of one declared group."""
    pairs = near_pairs(table.column("body"), threshold=near)
    first: dict[str, int] = {}
    groups = table.column("group").to_pylist()
    own = [at if name is None else first.setdefault(name, at) for at, name in enumerate(groups)]
    rows = np.arange(len(own), dtype=np.int64)
    left, right = np.concatenate([rows, pairs.left]), np.concatenate([np.array(own, np.int64), pairs.right])
    return components(len(own), left, right)


def features(vectors: npt.NDArray[np.floating]) -> Floats:
    """Vectors with a column of ones, float32."""
    return np.hstack([np.asarray(vectors, np.float32), np.ones((len(vectors), 1), np.float32)])


def cross_folds(label: Ints, groups: Ints, folds: int, *, seed: int = 0) -> list[Fold]:
    """Every row judged once, by a probe that saw none of its group."""
    home = group_folds(label, groups, folds, seed=seed)
    return [Fold(np.flatnonzero(home != at), np.flatnonzero(home == at)) for at in range(folds) if (home == at).any()]


def scores(rows: Floats, label: Ints, folds: Sequence[Fold], *, seed: int = 0) -> Scores:
    """Share of judged rows whose label a probe names that learned from a tenth of the rows, a fifth, ... all.

    rows: (n, d). label: (n,), 0..k-1. A draw takes the first rows of one random order of each fold, so
    that the sizes of a draw are nested; the score of a draw is over the judged rows of all folds.
    """
    least = min(len(fold.train) for fold in folds)
    k = int(label.max()) + 1
    sizes = [(max(1, round(share * least)), draw) for share, draws in DRAWN for draw in range(draws)]
    # The largest first: the last to end is then a short one.
    told = side_by_side(lambda one: _drawn(rows, label, folds, k=k, size=one[0], seed=seed + one[1]), sizes[::-1])[::-1]
    named: dict[int, list[float]] = {}
    for (size, _), (hits, _) in zip(sizes, told, strict=True):
        named.setdefault(size, []).append(hits)
    points = [Point(size, tuple(hits)) for size, hits in named.items()]
    return Scores(points, all(converged for _, converged in told))


def _drawn(rows: Floats, label: Ints, folds: Sequence[Fold], *, k: int, size: int, seed: int) -> tuple[float, bool]:
    right = judged = 0
    converged = True
    for at, fold in enumerate(folds):
        order = np.random.default_rng([seed, at]).permutation(fold.train)[:size]
        fitted = fit(rows[order], label[order], k, c=PENALTY, tolerance=TOLERANCE)
        named = (rows[fold.test] @ fitted.weights.astype(rows.dtype)).argmax(axis=1)
        right += int((named == label[fold.test]).sum())
        judged += len(fold.test)
        converged = converged and fitted.converged
    return right / judged, converged


def named_right(train: Floats, label: Ints, held: Floats, truth: Ints, *, classes: int) -> tuple[Bools, bool]:
    """Which held-out rows a probe on all of `train` names right, shape (n_held,), and whether it converged."""
    with single_threaded():
        fitted = fit(train, label, classes, c=PENALTY, tolerance=TOLERANCE)
    return probabilities(held, fitted.weights).argmax(axis=1) == truth, fitted.converged
