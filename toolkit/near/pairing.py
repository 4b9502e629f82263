"""Whether an answer belongs to its prompt: told by a classifier that has seen true and shuffled pairs of this data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

OTHERS = 512
FITTED = 20_000
PRIOR, LEAST, MOST = 0.01, 0.002, 0.1
"""Share of foreign answers to begin with, and between which bounds it is estimated."""
DOUBTED = 0.1
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Pairing:
    """How likely each answer belongs to another prompt.

    doubt: shape (n,), 0..1, at the share of foreign answers that the doubts themselves add up to. auc: how
    well true pairs are told from shuffled ones, .5 to 1; under about .9 doubts mean little.
    """

    doubt: Floats
    auc: float


def pairing(prompts: npt.NDArray[np.floating], answers: npt.NDArray[np.floating], *, seed: int = 0) -> Pairing:
    """Doubts about pairs of unit vectors, both shape (n, dim), n >= 50.

    Features: the cosine of a pair, and how far it stands above the cosines of its answer to 512 other
    prompts and of its prompt to their answers. A logistic regression on true against shuffled pairs is
    the calibration, so no cosine is fixed. Rows should come in an order that depends on their content.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    n = len(prompts)
    rng = np.random.default_rng(seed)
    known = np.sort(rng.permutation(n)[:OTHERS])
    moved = np.roll(rng.permutation(n), 1)
    swapped = np.empty(n, np.int64)
    swapped[np.roll(moved, -1)] = moved
    true = _features(prompts, answers, np.arange(n), known)
    false = _features(prompts, answers, swapped, known)
    some = np.sort(rng.permutation(n)[:FITTED])
    table = np.vstack([true[some], false[some]])
    foreign = np.repeat([0, 1], len(some))
    centre, scale = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-9)
    scaled, own = (table - centre) / scale, (true - centre) / scale
    model = LogisticRegression(C=1.0, max_iter=200).fit(scaled, foreign)
    auc = float(roc_auc_score(foreign, model.decision_function(scaled)))
    trusted = np.append(_chances(model.decision_function(own[some]), PRIOR) < DOUBTED, np.ones(len(some), bool))
    if trusted[: len(some)].any():
        model = LogisticRegression(C=1.0, max_iter=200).fit(scaled[trusted], foreign[trusted])
    odds = model.decision_function(own)
    return Pairing(_chances(odds, _share(odds)), auc)


def _chances(odds: Floats, prior: float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds - np.log(prior / (1 - prior)))), np.float64)


def _share(odds: Floats) -> float:
    """The share of foreign answers at which the mean doubt is that share, within bounds."""
    share = PRIOR
    for _ in range(ROUNDS):
        share = min(MOST, max(LEAST, float(_chances(odds, share).mean())))
    return share


def _features(
    prompts: npt.NDArray[np.floating],
    answers: npt.NDArray[np.floating],
    of: npt.NDArray[np.int64],
    known: npt.NDArray[np.int64],
) -> Floats:
    """Features of answer i with prompt `of[i]`, shape (n, 3); the cosines to `known` are made in blocks."""
    n = len(answers)
    found = np.empty((n, 3))
    for start in range(0, n, 4096):
        rows = np.arange(start, min(n, start + 4096))
        own = (prompts[of[rows]] * answers[rows]).sum(axis=1)
        to_prompts, to_answers = answers[rows] @ prompts[known].T, prompts[of[rows]] @ answers[known].T
        found[rows, 0] = own
        found[rows, 1] = _above(own, to_prompts)
        found[rows, 2] = _above(own, to_answers)
    return found


def _above(own: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> Floats:
    spread = np.maximum(others.std(axis=1), 1e-6)
    return np.asarray((own - others.mean(axis=1)) / spread, np.float64)
