"""Every sampler: the laws, and what each is for, on small pools with a known shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolkit.core import parts
from toolkit.core.errors import NotApplicable
from toolkit.near.cover import facility, nearest
from toolkit.near.pool import Pool, hardest, margin

ALL = sorted(parts.parts("samplers"))


def _unit(rows: Any) -> np.ndarray:
    found = np.asarray(rows, np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _pool(n: int = 400, seed: int = 0, kind: Any = np.float32) -> Pool:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(5), n)
    vectors = _unit(rng.normal(size=(n, 16))).astype(kind)
    hard = margin(shares)
    return Pool(vectors, vectors[:7], hard, np.ones(n), shares.argmax(axis=1), shares)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_a_sampler_names_n_different_rows_and_the_same_again(name: str, kind: Any) -> None:
    pool = _pool(kind=kind)
    found = parts.build("samplers", name).rank(pool, 30, seed=3)
    assert len(found) == len(set(found.tolist())) == 30
    assert found.min() >= 0 and found.max() < len(pool)
    assert found.tolist() == parts.build("samplers", name).rank(pool, 30, seed=3).tolist()


@pytest.mark.parametrize("name", ALL)
def test_a_part_of_a_pool_is_chosen_from_like_a_pool_of_its_own(name: str) -> None:
    pool = _pool()
    rows = np.arange(0, 400, 2)
    assert pool.shares is not None and pool.hardness is not None and pool.label is not None
    own = Pool(
        pool.vectors[rows], pool.known, pool.hardness[rows], pool.weight[rows], pool.label[rows], pool.shares[rows]
    )
    sampler = parts.build("samplers", name)
    assert sampler.rank(pool.at(rows), 20, seed=1).tolist() == sampler.rank(own, 20, seed=1).tolist()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [1, 5, 9])
def test_more_rows_than_the_pool_has_are_all_of_it(name: str, n: int) -> None:
    found = parts.build("samplers", name).rank(_pool(n), 9, seed=0)
    assert sorted(found.tolist()) == list(range(n))


@pytest.mark.parametrize("name", ALL)
def test_equal_rows_are_no_trouble(name: str) -> None:
    n = 60
    pool = Pool(
        _unit(np.ones((n, 4))), np.zeros((0, 4)), np.full(n, 0.5), np.ones(n), np.zeros(n, int), np.ones((n, 2)) / 2
    )
    found = parts.build("samplers", name).rank(pool, 12, seed=0)
    assert len(set(found.tolist())) == 12


@pytest.mark.parametrize("name", ["margin", "hard-cover", "cluster-margin", "badge"])
def test_what_needs_hardness_says_so(name: str) -> None:
    cold = Pool(_unit(np.eye(4)), np.zeros((0, 4)), None, np.ones(4))
    with pytest.raises(NotApplicable):
        parts.build("samplers", name).rank(cold, 2, seed=0)


@pytest.mark.parametrize("name", ["hard-cover", "cluster-margin"])
def test_hard_rows_of_every_topic_are_asked_where_margin_asks_one(name: str) -> None:
    rng = np.random.default_rng(0)
    topic = np.repeat(np.arange(4), 50)
    vectors = _unit(np.eye(8)[topic] + 0.05 * rng.normal(size=(200, 8)))
    hard = np.where(topic == 0, 0.9, 0.8) + 0.01 * rng.random(200)
    pool = Pool(vectors, np.zeros((0, 8)), hard, np.ones(200))
    assert set(topic[parts.build("samplers", "margin").rank(pool, 8, seed=0)]) == {0}
    assert set(topic[parts.build("samplers", name).rank(pool, 8, seed=0)]) == {0, 1, 2, 3}


def test_cover_starts_from_what_is_labelled() -> None:
    vectors = _unit(np.repeat(np.eye(4), 10, axis=0) + 1e-3)
    pool = Pool(vectors, vectors[:20], None, np.ones(40))
    assert set((parts.build("samplers", "cover").rank(pool, 2, seed=0) // 10).tolist()) == {2, 3}


def test_stratified_random_gives_small_classes_their_turn() -> None:
    label = np.repeat([0, 1, 2], [180, 15, 5])
    pool = Pool(_unit(np.ones((200, 3))), np.zeros((0, 3)), None, np.ones(200), label)
    found = label[parts.build("samplers", "stratified-random").rank(pool, 12, seed=0)]
    assert np.bincount(found).tolist() == [4, 4, 4]


def test_badge_takes_the_longest_gradient_first_and_then_another_way() -> None:
    vectors = _unit([[1, 0], [1, 0.01], [0, 1]])
    shares = np.array([[0.51, 0.49], [0.52, 0.48], [0.6, 0.4]])
    pool = Pool(vectors, vectors[:0], margin(shares), np.ones(3), shares.argmax(1), shares)
    found = parts.build("samplers", "badge").rank(pool, 2, seed=0)
    assert found.tolist() == [0, 2]


def test_lazy_greedy_is_greedy() -> None:
    rng = np.random.default_rng(5)
    candidates, reference = _unit(rng.normal(size=(60, 8))), _unit(rng.normal(size=(90, 8)))
    covered, worth = np.zeros(90, np.float32), rng.random(60)
    likeness = np.maximum(candidates @ reference.T, 0)
    slow: list[int] = []
    now = covered.copy()
    for _ in range(15):
        gain = np.maximum(likeness - now, 0).sum(axis=1) * worth
        gain[slow] = -1
        slow.append(int(gain.argmax()))
        now = np.maximum(now, likeness[slow[-1]])
    assert facility(candidates, reference, covered, worth, 15).tolist() == slow


def test_nearest_in_blocks_is_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows, known = _unit(rng.normal(size=(50, 6))), _unit(rng.normal(size=(9, 6)))
    whole = nearest(rows, known)
    monkeypatch.setattr("toolkit.near.cover.BLOCK_CELLS", 20)
    parted = nearest(rows, known)
    assert whole.row.tolist() == parted.row.tolist() == (rows @ known.T).argmax(axis=1).tolist()
    assert nearest(rows, known[:0]).row.tolist() == [-1] * 50


def test_the_hardest_come_first_and_ties_in_their_order() -> None:
    assert hardest(np.array([0.1, 0.9, 0.5, 0.9, 0.5]), 3).tolist() == [1, 3, 2]
    assert margin(np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]])).round(3).tolist() == [1.0, 0.2]
    assert margin(np.ones((2, 1))).tolist() == [0, 0]
