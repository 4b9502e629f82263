"""Draws by size: exact chances, and an interval that holds the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.stats.sampling import by_size, chances, rate_by_size


def test_chances_are_in_proportion_and_large_units_are_sure() -> None:
    found = chances(np.array([1.0, 1.0, 2.0, 100.0]), 2)
    assert found.tolist() == [0.25, 0.25, 0.5, 1.0]
    assert chances(np.ones(3), 5).tolist() == [1, 1, 1]
    assert chances(np.ones(3), 0).tolist() == [0, 0, 0]


def test_units_are_drawn_as_often_as_their_chance_says() -> None:
    sizes = np.array([1] * 40 + [4] * 10 + [60])
    seen = np.zeros(len(sizes))
    for seed in range(1500):
        drawn = by_size(sizes, 11, np.random.default_rng(seed))
        assert len(drawn.place) == 11
        seen[drawn.place] += 1
    assert np.abs(seen / 1500 - chances(sizes.astype(float), 11)).max() < 0.05


def test_an_order_gives_every_stretch_its_share() -> None:
    topic = np.repeat([0, 1, 2, 3], 25)
    drawn = by_size(np.ones(100), 20, np.random.default_rng(0), np.arange(100))
    assert np.bincount(topic[drawn.place]).tolist() == [5, 5, 5, 5]


def test_the_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.zipf(1.7, 2000).clip(max=300).astype(float)
    wrong = rng.random(2000) < np.where(sizes > 5, 0.05, 0.3)
    truth = (wrong * sizes).sum() / sizes.sum()
    held = 0
    for seed in range(300):
        drawn = by_size(sizes, 60, np.random.default_rng(seed))
        found = rate_by_size(wrong[drawn.place], sizes[drawn.place], drawn.chance, sizes.sum())
        held += found.low <= truth <= found.high
    assert held / 300 > 0.92


def test_no_judged_unit_of_the_random_part_is_no_rate() -> None:
    with pytest.raises(ValueError, match="random part"):
        rate_by_size([1.0], [5.0], [1.0], 10.0)
    assert rate_by_size([True, False], [3, 1], [1.0, 1.0], 4.0)[:3] == (0.75, 0.75, 0.75)
