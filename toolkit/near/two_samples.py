"""Whether two samples of texts are of one kind: what a classifier tells apart, and which rows have none near."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.cores import single_threaded
from toolkit.near.logistic import fit, probabilities
from toolkit.near.probe import group_folds
from toolkit.stats.drift import Auc, auc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS = 5
PENALTY = 1.0
BALL = 5


class Cover(NamedTuple):
    """covered: which rows of the first sample have a row of the second near, shape (n,). expected: the share of
    them that would, were both of one kind."""

    covered: npt.NDArray[np.bool_]
    expected: float


def told_apart(first: Floats, second: Floats, groups: Ints, *, seed: int = 0) -> Auc:
    """The area under the ROC curve of a classifier that tells rows of the second sample from the first.

    first, second: vectors (n, d) and (m, d). groups: (n + m,), rows of one group are in one fold, so that
    a copy on the other side cannot vouch. Every row is scored by a logistic regression that did not see
    it (Lopez-Paz and Oquab 2017; with the area in place of accuracy, so that sizes may differ).
    Samples of one source come out a little under .5, as cross-fitted scores do.
    """
    label = np.repeat([0, 1], [len(first), len(second)]).astype(np.int64)
    features = np.hstack([np.concatenate([first, second]), np.ones((len(label), 1))])
    fold = group_folds(label, groups, FOLDS, seed=seed)
    score = np.zeros(len(label))
    for at in range(FOLDS):
        out = fold == at
        if not out.any() or len(set(label[~out].tolist())) < 2:
            continue
        with single_threaded():
            fitted = fit(features[~out], label[~out], 2, c=PENALTY)
        chances = probabilities(features[out], fitted.weights)[:, 1]
        # Ranks within the fold: each fold's model leans against what it was not shown, all its scores alike.
        score[out] = (np.argsort(np.argsort(chances, kind="stable")) + 0.5) / len(chances)
    return auc(score[label == 0], score[label == 1])


def cover(first: Floats, second: Floats, *, ball: int = BALL) -> Cover:
    """Which rows of the first sample have a row of the second nearer than their own `ball`-th nearest row.

    Vectors of length 1, (n, d) and (m, d). Method: the coverage of Naeem et al. (2020). Of samples of one
    kind the nearest of n - 1 + m others falls on the second by lot, which gives the expected share.
    """
    n, m = len(first), len(second)
    ball = min(ball, n - 1)
    own = first @ first.T
    np.fill_diagonal(own, -2.0)
    edge = np.partition(own, n - ball, axis=1)[:, n - ball]
    best = (first @ second.T).max(axis=1) if m else np.full(n, -2.0)
    lot = np.prod([(n - 1 - at) / (n - 1 + m - at) for at in range(ball)])
    return Cover(best >= edge - 1e-9, float(1.0 - lot))


def regions(vectors: Floats, *, rows_each: int = 40, most: int = 40, seed: int = 0) -> Ints:
    """The region of each row, shape (n,): spherical k-means with about `rows_each` rows a region."""
    n = len(vectors)
    k = int(np.clip(n // rows_each, 1, most))
    rng = np.random.default_rng(seed)
    centres = vectors[_spread(vectors, k, rng)]
    label = np.zeros(n, np.int64)
    for _ in range(30):
        found = np.asarray((vectors @ centres.T).argmax(axis=1), np.int64)
        if (found == label).all():
            break
        label = found
        for at in range(k):
            mean = vectors[label == at].sum(axis=0)
            length = float(np.linalg.norm(mean))
            centres[at] = mean / length if length > 1e-9 else centres[at]
    return label


def _spread(vectors: Floats, k: int, rng: np.random.Generator) -> Ints:
    """First centres far from each other, by lot (k-means++, Arthur and Vassilvitskii 2007)."""
    chosen = [int(rng.integers(len(vectors)))]
    far = 1.0 - vectors @ vectors[chosen[0]]
    while len(chosen) < k:
        weight = np.maximum(far, 0.0)
        total = float(weight.sum())
        chosen.append(int(rng.choice(len(vectors), p=weight / total)) if total > 0 else int(rng.integers(len(vectors))))
        far = np.minimum(far, 1.0 - vectors @ vectors[chosen[-1]])
    return np.array(chosen, np.int64)
