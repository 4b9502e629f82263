from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.stats.curve import Point, fit, gain_from_twice, predict

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
# Floor, scale, exponent, shift in rows; the last two start slowly, as many classes do.
LAWS = [
    (0.05, 5.0, 0.5, 0.0),
    (0.0, 2.0, 0.35, 0.0),
    (0.2, 20.0, 0.8, 0.0),
    (0.1, 1.0, 0.2, 0.0),
    (0.02, 60.0, 1.0, 0.0),
    (0.05, 60.0, 0.8, 150.0),
    (0.0, 900.0, 1.1, 500.0),
]


def error(law: tuple[float, ...], rows: float) -> float:
    floor, scale, exponent, shift = law
    return float(floor + scale * (rows + shift) ** -exponent)


def fresh_runs(law: tuple[float, ...], most: int, noise: float, rng: np.random.Generator) -> list[Point]:
    """A probe that draws new rows for every run; the noise of a run falls as 1 / sqrt(rows)."""
    made = []
    for size in (round(most * share) for share in SHARES):
        scores = 1 - error(law, size) + rng.standard_normal(3) * noise * np.sqrt(most / size)
        made.append(Point(size, tuple(np.clip(scores, 0, 1))))
    return made


def one_pool(law: tuple[float, ...], most: int, noise: float, rng: np.random.Generator) -> tuple[list[Point], float]:
    """A probe as it is run: subsets of the same rows, all of them at the end, then twice as many."""
    worth, made = rng.standard_normal(2 * most) * noise * np.sqrt(most), []
    for size in (round(most * share) for share in SHARES):
        sets = [rng.choice(most, size, replace=False) for _ in range(3 if size < most else 1)]
        scores = [1 - error(law, size) + worth[rows].mean() for rows in sets]
        made.append(Point(size, tuple(np.clip(scores, 0, 1))))
    return made, float(np.clip(1 - error(law, 2 * most) + worth.mean(), 0, 1))


def test_an_exact_law_is_found_again() -> None:
    for law in LAWS[:5]:
        sizes = [100, 200, 400, 700, 1000]
        points = [Point(n, (1 - error(law, n) + 1e-6, 1 - error(law, n) - 1e-6)) for n in sizes]
        curve = fit(points)
        assert curve.score(2000) == pytest.approx(1 - error(law, 2000), abs=0.004)
        assert curve.exponent == pytest.approx(law[2], rel=0.2)


def test_prediction_is_the_curve_and_is_seeded() -> None:
    points = fresh_runs(LAWS[0], 800, 0.01, np.random.default_rng(1))
    now, later = predict(points, [800, 1600])
    assert later.score == pytest.approx(fit(points).score(1600))
    assert predict(points, [1600]) == [later] == predict(points, [1600], seed=0)
    assert predict(points, [1600], seed=1) != [later]
    assert now.low < now.score < now.high
    assert predict(points, [1600], level=0.5)[0].high < later.high


def test_further_is_less_sure() -> None:
    points = fresh_runs(LAWS[0], 800, 0.01, np.random.default_rng(1))
    twice, far = predict(points, [1600, 80_000])
    assert far.high - far.low > 1.5 * (twice.high - twice.low)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("noise", [0.004, 0.015])
def test_interval_covers_held_back_runs(law: tuple[float, ...], noise: float) -> None:
    rng, covered, runs = np.random.default_rng(17), [0, 0], 60
    for _ in range(runs):
        points = fresh_runs(law, 800, noise, rng)
        truth = float(np.clip(1 - error(law, 1600) + rng.standard_normal() * noise / np.sqrt(2), 0, 1))
        found = predict(points, [1600], draws=200)[0]
        covered[0] += found.low <= truth <= found.high
        points, truth = one_pool(law, 800, noise, rng)
        found = predict(points, [1600], draws=200)[0]
        covered[1] += found.low <= truth <= found.high
    assert covered[0] / runs >= 0.85
    assert covered[1] / runs >= 0.85


def test_interval_is_narrow_enough_to_be_of_use() -> None:
    """A run varies by 1 point here: an interval that covers by being a barn door must fail."""
    rng = np.random.default_rng(18)
    found = [predict(fresh_runs(LAWS[0], 800, 0.01, rng), [1600], draws=200)[0] for _ in range(30)]
    assert np.median([low.high - low.low for low in found]) < 0.09


def test_gain_from_twice_covers_the_true_gain() -> None:
    rng, law, held = np.random.default_rng(19), LAWS[0], []
    truth = error(law, 800) - error(law, 1600)
    for _ in range(80):
        found = gain_from_twice(fresh_runs(law, 800, 0.008, rng), draws=200)
        held.append(found.low <= truth <= found.high)
        assert found.gain == pytest.approx(found.twice.score - found.now.score)
        assert 0.0 <= found.low <= found.high
    assert np.mean(held) >= 0.85


def test_further_out_twice_the_rows_bring_less() -> None:
    rng = np.random.default_rng(23)
    points = fresh_runs(LAWS[0], 800, 0.008, rng)
    near, far = gain_from_twice(points), gain_from_twice(points, rows=8000)
    assert gain_from_twice(points, rows=800) == near
    assert 0.0 <= far.gain < near.gain
    assert far.now.rows == 8000
    assert far.twice.rows == 16_000


def test_a_flat_curve_promises_nothing() -> None:
    rng = np.random.default_rng(20)
    points = [Point(n, tuple(0.7 + rng.standard_normal(5) * 0.003)) for n in (100, 200, 400, 700, 1000)]
    found = gain_from_twice(points)
    assert found.gain < 0.01
    assert found.low < 0.002


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=5, max_size=5))
def test_any_scores_give_a_bounded_rising_curve(scores: list[tuple[float, ...]]) -> None:
    points = [Point(n, found) for n, found in zip((10, 20, 40, 70, 100), scores, strict=True)]
    if max(max(s) - min(s) for s in scores[:4]) < 1e-3:
        return
    curve = fit(points)
    assert curve.floor >= 0.0
    assert curve.scale >= 0.0
    assert curve.score(10) <= curve.score(100) <= curve.score(1000) <= 1.0
    for found in predict(points, [100, 200], draws=100):
        assert 0.0 <= found.low <= found.high <= 1.0


@pytest.mark.parametrize(
    "means", [(0.5, 0.48, 0.42, 0.3, 0.1), (0.2, 0.21, 0.2, 0.22, 0.24), (0.9, 0.5, 0.3, 0.2, 0.18)]
)
def test_no_allowed_curve_fits_better(means: tuple[float, ...]) -> None:
    """Points that pull floor or scale below 0 are the hard ones: the best curve then lies on a bound."""
    rows = np.array([100, 200, 400, 700, 1000])
    points = [Point(int(n), (1 - e - 0.01, 1 - e, 1 - e + 0.01)) for n, e in zip(rows, means, strict=True)]
    weights, rng = rows / (rows / 1000 + (1 - rows / 1000) / 3), np.random.default_rng(22)
    best = fit(points)

    def misfit(floor: float, height: float, exponent: float) -> float:
        errors = floor + height * ((rows + best.shift) / (1000 + best.shift)) ** -exponent
        return float(weights @ (errors - means) ** 2)

    found = misfit(best.floor, best.scale * (1000 + best.shift) ** -best.exponent, best.exponent)
    others = [misfit(*rng.uniform((0, 0, 0.05), (0.4, 0.6, 2.0))) for _ in range(20_000)] + [
        misfit(0.0, *rng.uniform((0, 0.05), (0.6, 2.0))) for _ in range(5000)
    ]
    assert found <= min(others) * 1.01  # the grid of exponents has steps


def test_the_order_of_points_is_nothing() -> None:
    points = fresh_runs(LAWS[0], 800, 0.01, np.random.default_rng(1))
    assert fit(points[::-1]) == pytest.approx(fit(points))


GOOD = [Point(n, (0.5, 0.52, 0.51)) for n in (100, 200, 400, 700, 1000)]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "0 sizes"),
        (GOOD[:3], "3 sizes"),
        ([*GOOD, GOOD[0]], "given once"),
        ([Point(0, (0.5, 0.6)), *GOOD], "at least 1 row"),
        ([Point(10, ()), *GOOD], "has scores"),
        ([Point(10, (50.0, 51.0)), *GOOD], "in 0..1"),
        ([Point(10, (float("nan"), 0.5)), *GOOD], "in 0..1"),
        ([Point(p.rows, p.scores[:1]) for p in GOOD], "0 repeated scores"),
        ([Point(p.rows, (0.9, 0.9, 0.9)) for p in GOOD], "do not vary"),
    ],
)
def test_what_cannot_be_answered_is_an_error(points: list[Point], words: str) -> None:
    for call in (fit, gain_from_twice):
        with pytest.raises(ValueError, match=words):
            call(points)


def test_a_prediction_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        predict(GOOD, [0])
    with pytest.raises(ValueError, match="100 draws"):
        predict(GOOD, [10], draws=10)


SETS = {
    "clinc150": "clinc150/data_full.jsonl.gz",
    "hwu64": "fsid_hwu64/data.jsonl.gz",
    "trec": "trec/data.jsonl.gz",
    "snips": "fsid_snips/data.jsonl.gz",
}


def rows_of(name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    home = os.environ.get("TOOLKIT_DATA")
    if not home:
        pytest.skip("TOOLKIT_DATA is not set: the public sets are not here")
    train: list[tuple[str, str]] = []
    held: list[tuple[str, str]] = []
    with gzip.open(Path(home) / SETS[name], "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["label"] != "oos":
                (held if row["split"] == "test" else train).append((row["text"], row["label"]))
    return train, held[:: max(1, len(held) // 1000)]


def probe_score(train: list[tuple[str, str]], held: list[tuple[str, str]]) -> float:
    """Accuracy of TF-IDF with logistic regression; a probe that does not converge warns, and a warning fails."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(sublinear_tf=True)
    features = words.fit_transform([text for text, _ in train])
    model = LogisticRegression(C=10, max_iter=3000).fit(features, [label for _, label in train])
    return float(model.score(words.transform([text for text, _ in held]), [label for _, label in held]))


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")  # 30 rows of 150 classes
def test_interval_covers_held_back_points_of_public_sets() -> None:
    covered, misses = [], []
    for name in SETS:
        (train, held), rng = rows_of(name), np.random.default_rng(2024)
        for most in (300, 600, 1200, 2400):
            for _ in range(3):
                order = rng.permutation(len(train))
                pick = [train[i] for i in order[: 2 * most]]
                points = []
                for size in (round(most * share) for share in SHARES):
                    sets = [rng.permutation(most)[:size] for _ in range(3 if size < most else 1)]
                    points.append(Point(size, tuple(probe_score([pick[i] for i in rows], held) for rows in sets)))
                found, truth = predict(points, [2 * most])[0], probe_score(pick, held)
                covered.append(found.low <= truth <= found.high)
                misses.append(abs(found.score - truth))
    print(f"covered {np.mean(covered):.3f} of {len(covered)}, mean miss {np.mean(misses):.4f}")
    assert np.mean(covered) >= 0.85
    assert np.mean(misses) < 0.03
