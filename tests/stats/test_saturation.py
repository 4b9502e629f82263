"""How many more draws meet so many new kinds: it covers for even, heavy-tailed and endless populations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from toolkit.stats.saturation import Group, further


def shares(kinds: int, slope: float) -> Any:
    weights = 1.0 / np.arange(1, kinds + 1) ** slope
    return weights / weights.sum()


@pytest.mark.parametrize(
    ("kinds", "slope", "drawn", "wanted"),
    [(200, 0.0, 60, 150), (1000, 0.0, 60, 400), (100_000, 0.0, 60, 400), (2000, 1.0, 120, 400), (300, 0.5, 40, 500)],
)
def test_the_interval_holds_what_it_took_in_nine_runs_of_ten(kinds: int, slope: float, drawn: int, wanted: int) -> None:
    rng, hits, runs, most = np.random.default_rng(1), 0, 30, 2000
    for _ in range(runs):
        draws = rng.choice(kinds, drawn + most, p=shares(kinds, slope)).tolist()
        seen = set(draws[:drawn])
        found = further([Group(Counter(Counter(draws[:drawn]).values()), wanted - len(seen))], most)
        took = 0
        while len(seen) < wanted and took < most:
            seen.add(draws[drawn + took])
            took += 1
        hits += found.low - 1 <= took <= found.high + 1
    assert hits / runs >= 0.9


def test_draws_without_a_repeat_say_little_until_there_are_many() -> None:
    few, many = (further([Group({1: drawn}, 400)], 10_000) for drawn in (10, 400))
    assert few.high / few.low > 2
    assert many.high / many.low < 1.2
    assert many.met > 0.99


def test_a_population_that_is_used_up_does_not_meet_what_is_wanted() -> None:
    found = further([Group({3: 20, 4: 20, 5: 10}, 400)], 10_000)
    assert found.met < 0.05
    assert found.kinds < 40
    assert found.high == 10_000
