"""Semantic pairs against brute force, what equal and odd vectors do, static vectors, and kinds of pairs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.conftest import HashingEncoder
from toolkit.core.errors import UsageError
from toolkit.near import semantic
from toolkit.near.semantic import SemanticPairs, semantic_pairs, semantic_pairs_between
from toolkit.near.semantic_diversity import diversity
from toolkit.near.semantic_kinds import difference
from toolkit.near.semantic_rows import Meanings, calibrated, meanings
from toolkit.near.static import static_vectors


def clouds(n: int, seed: int = 0, dim: int = 64) -> np.ndarray:
    """Points around 40 centres, one in five moved a little way from another."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(40, dim))[draw.integers(0, 40, n)] + draw.normal(size=(n, dim)) * 0.7
    to, of = draw.permutation(n)[: n // 5], draw.integers(0, n, n // 5)
    rows[to] = rows[of] + draw.uniform(0.05, 0.4, (n // 5, 1)) * draw.normal(size=(n // 5, dim))
    return rows.astype(np.float32)


def brute(left: np.ndarray, right: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    one, other = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (left, right))
    return set(zip(*(each.tolist() for each in np.nonzero(one @ other.T >= threshold)), strict=True))


def listed(found: SemanticPairs) -> set[tuple[int, int]]:
    return set(zip(found.left.tolist(), found.right.tolist(), strict=True))


def test_small_sets_are_compared_whole() -> None:
    rows = clouds(1_500)
    found = semantic_pairs(rows, threshold=0.9)
    assert listed(found) == {(a, b) for a, b in brute(rows, rows, 0.9) if a < b}
    assert list(zip(found.left, found.right, strict=True)) == sorted(listed(found))
    one, other = rows[found.left], rows[found.right]
    exact = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert np.allclose(found.cosine, exact, atol=1e-5)


@pytest.mark.parametrize("threshold", [0.9, 0.82])
def test_blocks_find_nearly_all(monkeypatch: pytest.MonkeyPatch, threshold: float) -> None:
    rows = clouds(12_000)
    monkeypatch.setattr(semantic, "FEW", 0)
    found, truth = listed(semantic_pairs(rows, threshold=threshold)), brute(rows, rows, threshold)
    truth = {(a, b) for a, b in truth if a < b}
    assert found <= truth
    assert len(found) >= 0.985 * len(truth) > 500


def test_two_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = clouds(9_000)
    left, right = rows[:3_000], rows[3_000:]
    truth = brute(left, right, 0.9)
    assert listed(semantic_pairs_between(left, right, threshold=0.9)) == truth
    monkeypatch.setattr(semantic, "FEW", 0)
    found = listed(semantic_pairs_between(left.astype(np.float64), right, threshold=0.9))
    assert found <= truth
    assert len(found) >= 0.985 * len(truth) > 300


def test_the_order_of_the_rows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = clouds(4_000)
    mixed = np.random.default_rng(3).permutation(len(rows))
    monkeypatch.setattr(semantic, "FEW", 0)
    found = semantic_pairs(rows[mixed])
    back = {tuple(sorted((int(mixed[a]), int(mixed[b])))) for a, b in listed(found)}
    assert back == listed(semantic_pairs(rows))


def test_a_file_of_half_precision_is_read_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", clouds(2_000).astype(np.float16))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert listed(semantic_pairs(mapped)) == listed(semantic_pairs(np.array(mapped, np.float32)))


def test_equal_vectors_are_a_star_and_stay_linear() -> None:
    rows = np.repeat(clouds(3), 40_000, axis=0)
    began = time.process_time()
    found = semantic_pairs(rows)
    assert time.process_time() - began < 10
    assert len(found.left) == 3 * 39_999
    few = np.repeat(clouds(2), 3, axis=0)
    assert listed(semantic_pairs(few)) == {(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)}
    assert len(semantic_pairs_between(few, few).left) == 18


def test_rows_all_near_each_other_are_one_component() -> None:
    from toolkit.near.components import components

    draw = np.random.default_rng(0)
    rows = np.ones((30_000, 16), np.float32) + draw.normal(size=(30_000, 16)).astype(np.float32) * 0.05
    found = semantic_pairs(rows)
    assert len(found.left) < 64 * 4 * len(rows)
    assert components(len(rows), found.left, found.right).max() == 0


def test_odd_input() -> None:
    zeros = np.zeros((5, 8), np.float32)
    assert len(semantic_pairs(zeros).left) == 0
    assert len(semantic_pairs(zeros[:0]).left) == 0
    assert len(semantic_pairs_between(zeros[:0], zeros).left) == 0
    assert len(semantic_pairs_between(zeros, zeros).left) == 0
    assert listed(semantic_pairs(np.array([[1, 0], [-1, 0], [3, 0.0]]))) == {(0, 2)}
    with pytest.raises(UsageError, match="not finite"):
        semantic_pairs(np.array([[np.nan, 1.0], [1.0, 1.0]]))
    for threshold in (0.0, 1.5, float("nan")):
        with pytest.raises(UsageError):
            semantic_pairs(zeros, threshold=threshold)


TEXTS = ["cancel my order please", "please cancel my order", "where is my parcel", "", "你好 世界", "zyzzyva"]


def test_static_vectors_are_sums_of_words() -> None:
    vectors = static_vectors(pa.array([*TEXTS, None] * 3), HashingEncoder()).astype(np.float32)
    assert vectors.shape == (21, 64)
    assert np.allclose(vectors[0], vectors[1], atol=2e-3)
    assert np.allclose(np.linalg.norm(vectors, axis=1)[[0, 2, 4, 5]], 1, atol=2e-3)
    assert not vectors[3].any()
    assert not vectors[6].any()
    assert vectors[0] @ vectors[2] < 0.9


def test_static_vectors_read_each_word_once_and_many_words() -> None:
    encoder = HashingEncoder()
    texts = pa.array([f"w{at} w{at + 1} common" for at in range(60_000)])
    vectors = static_vectors(texts, encoder)
    assert encoder.calls == 1
    assert len(vectors) == 60_000
    assert static_vectors(texts, encoder).tobytes() == vectors.tobytes()


def test_a_large_set_is_decided_by_the_encoder_on_proposed_pairs() -> None:
    draw = np.random.default_rng(2)
    words = np.array(["".join(draw.choice(list("abcdefghijklmnop"), 5)) for _ in range(800)])
    texts = [" ".join(draw.choice(words, 8)) for _ in range(1_500)]
    texts += [" ".join(reversed(text.split())) for text in texts[:60]]
    labels = np.full(len(texts), -1)
    every = meanings(pa.chunked_array([texts]), labels, HashingEncoder(), full=10_000, floor=0.95)
    some = meanings(pa.chunked_array([texts]), labels, HashingEncoder(), full=400, floor=0.95)
    planted = {(at, 1_500 + at) for at in range(60)}
    assert planted <= listed(every.pairs)
    assert planted <= listed(some.pairs) <= listed(every.pairs)
    assert some.embedded <= 400 < every.embedded == some.texts


def test_the_threshold_follows_the_data() -> None:
    pairs = SemanticPairs(np.arange(100), np.arange(100, 200), np.linspace(0.89, 0.99, 100).astype(np.float32))
    labels, all_of_them = np.full(200, -1), np.ones(100, np.bool_)
    wide = Meanings(pairs, np.full(2_000, 0.1, np.float32), 200, 200)
    narrow = wide._replace(null=np.full(2_000, 0.6, np.float32))
    assert calibrated(wide, labels, all_of_them).cosine == 0.9
    assert calibrated(narrow, labels, all_of_them).cosine == 0.96
    crossing = np.zeros(200, np.int64)
    crossing[100:130] = 1  # the thirty least near pairs have two labels
    raised = calibrated(wide, crossing, all_of_them)
    assert 0.91 < raised.cosine <= 0.93
    assert raised.across <= 0.05


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("set a five minute timer", "make a timer for 5 minutes", "paraphrase"),
        ("set a five minute timer", "make a timer for 6 minutes", "number-variant"),
        ("wake me at 6 am", "at 6 pm wake me", "number-variant"),
        ("turn the light on", "turn off the light", "opposite"),
        ("it works", "it doesn’t work", "opposite"),
        ("how do i change oil", "i don't know how to change oil", "paraphrase"),
        ("move it from my savings to checking", "from checking to savings, move it", "opposite"),
        ("book it for monday", "book for tuesday", "slot-variant"),
        ("who wrote this song", "when was this song written", "slot-variant"),
        ("Where does Carrie live?", "Where does Peter live?", "slot-variant"),
        ("", "", "paraphrase"),
    ],
)
def test_kinds(one: str, other: str, kind: str) -> None:
    assert difference(one, other) == kind == difference(other, one)


def test_diversity_tells_moulds_from_texts() -> None:
    draw = np.random.default_rng(1)
    words = ["".join(draw.choice(list("abcdefghijklmnop"), 5)) for _ in range(3_000)]
    free = [" ".join(draw.choice(words, 9)) for _ in range(400)]
    poured = [f"please send the {draw.choice(words)} to {draw.choice(words)} before noon" for _ in range(400)]
    one, other = diversity(free), diversity(poured)
    assert one.templated == 0
    assert other.templated == 1
    assert other.templates[0][0] == "please send the _ to _ before noon"
    assert one.distinct[1] > other.distinct[1]
    assert other.compression > one.compression
    assert diversity([]).texts == 0
