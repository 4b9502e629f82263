"""The probe and what is made of it: folds, convergence, weakness, planted noise."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.core.errors import NotApplicable
from toolkit.near.label_noise import confident_class, label_noise, noise_rate
from toolkit.near.logistic import fit, probabilities
from toolkit.near.probe import group_folds, probe
from toolkit.near.words import word_view


def _clouds(n: int, classes: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of length 1 around class centres, shape (n, 16), and their true classes."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 16))
    label = rng.integers(classes, size=n)
    points = centres[label] + spread * rng.normal(size=(n, 16))
    return points / np.linalg.norm(points, axis=1, keepdims=True), label


def _noisy(label: np.ndarray, classes: int, share: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(label)) < share
    return np.where(wrong, (label + rng.integers(1, classes, size=len(label))) % classes, label)


def test_the_solver_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    points, label = _clouds(600, 7, 0.8)
    ours = fit(points, label, 7, c=10, tolerance=1e-9)
    theirs = LogisticRegression(C=10, fit_intercept=False, tol=1e-10, max_iter=5000).fit(points, label)
    assert ours.converged
    assert np.abs(probabilities(points, ours.weights) - theirs.predict_proba(points)).max() < 1e-4


def test_the_gap_bounds_the_loss_and_a_warm_start_is_shorter() -> None:
    points, label = _clouds(500, 5, 0.9)
    rough, fine = fit(points, label, 5, tolerance=1e-2), fit(points, label, 5, tolerance=1e-10)
    assert _loss(points, label, rough.weights) - _loss(points, label, fine.weights) <= rough.gap
    assert rough.steps < fine.steps
    assert fit(points, label, 5, start=fine.weights).steps < fit(points, label, 5).steps


def _loss(points: np.ndarray, label: np.ndarray, weights: np.ndarray) -> float:
    own = probabilities(points, weights)[np.arange(len(label)), label]
    return float((-np.log(own).sum() + (weights**2).sum() / 20) / len(label))


def test_groups_stay_whole_and_classes_are_spread() -> None:
    rng = np.random.default_rng(3)
    label = rng.integers(6, size=900)
    groups = np.where(rng.random(900) < 0.3, rng.integers(40, size=900), np.arange(900) + 1000)
    fold = group_folds(label, groups, 5, seed=0)
    assert set(fold.tolist()) == set(range(5))
    for group in np.unique(groups):
        assert len(set(fold[groups == group].tolist())) == 1
    counts = np.array([[((label == c) & (fold == f)).sum() for f in range(5)] for c in range(6)])
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 2
    assert np.array_equal(fold, group_folds(label, groups, 5, seed=0))
    assert not np.array_equal(fold, group_folds(label, groups, 5, seed=1))


def test_copies_do_not_vouch_for_each_other() -> None:
    points, label = _clouds(400, 4, 0.3)
    given = label.copy()
    copies = np.repeat(points[:1], 6, axis=0)
    features = np.vstack([points, copies])
    given = np.concatenate([given, np.full(6, (label[0] + 1) % 4)]).astype(str)
    groups = np.concatenate([np.arange(400), np.zeros(6, np.int64)])
    found = probe(features, given.tolist(), groups)
    assert found.probabilities[np.arange(406), found.label][400:].max() < 0.1


def test_planted_noise_is_ranked_flagged_and_counted() -> None:
    points, truth = _clouds(1500, 8, 0.5)
    given = _noisy(truth, 8, 0.08)
    found = probe(points, given.astype(str).tolist(), np.arange(1500))
    noise = label_noise(found)
    wrong = given != truth
    order = np.argsort(-noise.score, kind="stable")
    hits = wrong[order]
    assert ((np.cumsum(hits) / np.arange(1, 1501))[hits]).mean() > 0.97
    assert (noise.flagged & wrong).sum() / noise.flagged.sum() > 0.9
    assert (noise.flagged & wrong).sum() / wrong.sum() > 0.85
    assert np.array_equal(noise.flagged, noise.score >= 0.5)
    assert (noise.suggested[wrong & noise.flagged] == truth[wrong & noise.flagged]).mean() > 0.95
    rate = noise_rate(found, np.arange(1500))
    assert rate.low <= wrong.mean() <= rate.high
    assert sum(pair.rows for pair in noise.confused) <= noise.flagged.sum()


def test_the_order_of_scores_is_the_order_of_cleanlab_and_so_is_the_count() -> None:
    from cleanlab.count import estimate_joint

    points, truth = _clouds(800, 6, 0.7)
    given = _noisy(truth, 6, 0.1)
    found = probe(points, given.astype(str).tolist(), np.arange(800))
    noise = label_noise(found)
    own = found.probabilities[np.arange(800), found.label]
    assert np.array_equal(np.argsort(-noise.score, kind="stable"), np.argsort(own, kind="stable"))
    confident = confident_class(found.label, found.probabilities)
    rows, sure = np.bincount(found.label), np.bincount(found.label, confident >= 0)
    wrong = np.bincount(found.label, (confident >= 0) & (confident != found.label))
    by_hand = float((rows * wrong / sure).sum() / rows.sum())
    assert by_hand == pytest.approx(1 - np.trace(estimate_joint(found.label, found.probabilities)), abs=0.003)


def test_retraining_ranks_better_than_one_round() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    gains = []
    for seed in range(3):
        points, truth = _clouds(900, 10, 0.8, seed)
        given = _noisy(truth, 10, 0.12, seed)
        wrong = given != truth
        once = cross_val_predict(LogisticRegression(C=30, max_iter=3000), points, given, cv=5, method="predict_proba")
        found = probe(points, [f"{each:02d}" for each in given], np.arange(900), seed=seed)
        ranked = [np.argsort(each, kind="stable") for each in (once[np.arange(900), given], -label_noise(found).score)]
        first, second = ((np.cumsum(wrong[o]) / np.arange(1, 901))[wrong[o]].mean() for o in ranked)
        gains.append(second - first)
    assert np.mean(gains) > 0


def test_the_seed_decides_everything() -> None:
    points, label = _clouds(300, 4, 0.6)
    first, again, other = (probe(points, label.astype(str).tolist(), np.arange(300), seed=s) for s in (0, 0, 1))
    assert np.array_equal(first.probabilities, again.probabilities)
    assert not np.array_equal(first.probabilities, other.probabilities)


def test_rows_sum_to_one_and_classes_too_small_are_left_out() -> None:
    points, label = _clouds(200, 3, 0.5)
    names = [f"class {each}" for each in label]
    names[:3], names[3:9] = ["rare"] * 3, ["copied"] * 6
    groups = np.arange(200)
    groups[3:9] = 3
    found = probe(points, names, groups, draws=2)
    assert found.too_small == {"copied": 6, "rare": 3}
    assert found.rows.tolist() == list(range(9, 200))
    assert found.classes == ("class 0", "class 1", "class 2")
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    assert found.probabilities.dtype == np.float64


def test_one_class_is_not_applicable() -> None:
    points, _ = _clouds(60, 2, 0.5)
    with pytest.raises(NotApplicable, match="fewer than two classes"):
        probe(points, ["a"] * 60, np.arange(60))
    with pytest.raises(NotApplicable):
        probe(points, [str(at) for at in range(60)], np.arange(60))


def test_labels_without_a_pattern_cannot_be_judged() -> None:
    points, _ = _clouds(400, 4, 0.5)
    given = np.random.default_rng(5).integers(4, size=400).astype(str).tolist()
    weakness = probe(points, given, np.arange(400)).weakness()
    assert weakness is not None
    assert "the largest class alone" in weakness
    assert probe(*_named(_clouds(400, 4, 0.5)), np.arange(400)).weakness() is None


def _named(made: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    return made[0], made[1].astype(str).tolist()


def test_identical_vectors_are_no_trouble() -> None:
    found = probe(np.ones((100, 4)), ["a", "b"] * 50, np.arange(100))
    assert found.weakness() is not None
    assert probe(np.zeros((100, 4)), ["a", "b"] * 50, np.arange(100)).weakness() is not None


def test_a_sample_is_trained_on_where_there_are_too_many_rows() -> None:
    points, label = _clouds(1000, 3, 0.4)
    found = probe(points, label.astype(str).tolist(), np.arange(1000), most=200)
    assert found.trained == 200
    assert found.accuracy > 0.9


def test_words_are_a_view_and_no_words_are_none() -> None:
    texts = ["red apple pie", "red pear pie", "blue sea water", "blue sky water", None, ""]
    view = word_view(texts)
    assert view[0] @ view[1] > 0.9
    assert abs(view[0] @ view[2]) < 0.1
    assert np.array_equal(view[4], view[5])
    assert word_view(["", None, "!"]).shape == (3, 0)
    assert word_view(["a b c", "d e f"]).shape[0] == 2


def test_a_rare_class_keeps_its_rows_in_a_sample_and_blocks_change_nothing() -> None:
    points, label = _clouds(3000, 3, 0.3)
    label = np.where(np.arange(3000) < 30, 3, label)
    points[:30] = np.eye(16)[0] + 0.05 * np.random.default_rng(2).normal(size=(30, 16))
    names = [f"{each}" for each in label]
    found = probe(points, names, np.arange(3000), most=600)
    assert found.folds == 2
    assert (found.probabilities[:30].argmax(axis=1) == 3).mean() > 0.9
    beside = probe((points[:, :5], points[:, 5:]), names, np.arange(3000), most=600)
    assert np.array_equal(found.probabilities, beside.probabilities)


def test_as_many_rows_are_doubted_as_cleanlab_counts() -> None:
    from cleanlab.count import num_label_issues

    points, truth = _clouds(800, 6, 0.7)
    given = _noisy(truth, 6, 0.1).astype(str).tolist()
    for most in (20_000, 300):
        found = probe(points, given, np.arange(800), most=most)
        own = found.probabilities[np.arange(800), found.label]
        counted = np.argsort(own, kind="stable")[: num_label_issues(found.label, found.probabilities)]
        assert set(np.flatnonzero(label_noise(found).flagged)) == set(counted[own[counted] < 0.5]) | set(
            np.flatnonzero(own < 0.02)
        )
