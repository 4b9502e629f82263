from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.effective import (
    effective_classes,
    effective_rows,
    imbalance_ratio,
    measurability,
    measurable,
)

sizes = st.lists(st.integers(1, 200), min_size=1, max_size=50)


def test_copies_count_once() -> None:
    found = effective_rows([3] * 100)
    assert found == (300, 100.0, 3.0, 100)
    assert effective_rows([3] * 100, correlation=0.0).n_eff == 300
    assert effective_rows([1] * 7).n_eff == 7


def test_kish_design_effect() -> None:
    """Kish (1965): 1 + (m - 1) rho; 20 rows a cluster at rho .05 is 1.95."""
    assert effective_rows([20] * 30, correlation=0.05).design_effect == pytest.approx(1.95)


def test_effective_rows_are_those_of_the_variance() -> None:
    """Means of clustered copies vary as means of n_eff independent rows do."""
    shape, rng = np.array([40, 20, 10] + [1] * 60), np.random.default_rng(4)
    draws = rng.standard_normal((20_000, len(shape))) @ shape / shape.sum()
    assert 1.0 / draws.var() == pytest.approx(effective_rows(shape).n_eff, rel=0.04)


@given(sizes, st.floats(0, 1))
def test_effective_rows_lie_between_one_cluster_and_all_rows(counts: list[int], correlation: float) -> None:
    found = effective_rows(counts, correlation=correlation)
    assert 1.0 - 1e-9 <= found.n_eff <= found.n * (1 + 1e-9)
    assert effective_rows(counts).n_eff <= len(counts) * (1 + 1e-9)


def test_hill_numbers_by_hand() -> None:
    """Shares 1/2, 1/4, 1/4: entropy 1.5 bits, so 2^1.5 classes; inverse Simpson 1 / (3/8)."""
    found = effective_classes([20, 10, 10])
    assert found.entropy == pytest.approx(2**1.5)
    assert found.simpson == pytest.approx(8 / 3)
    assert tuple(effective_classes([5, 5, 5, 5])) == pytest.approx((4, 4.0, 4.0))
    assert effective_classes([9, 0]) == (1, 1.0, 1.0)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=40).filter(any))
def test_hill_numbers_are_ordered(counts: list[int]) -> None:
    present, entropy, simpson = effective_classes(counts)
    assert 1.0 - 1e-9 <= simpson <= entropy + 1e-9
    assert entropy <= present


def test_imbalance() -> None:
    assert imbalance_ratio([100, 10, 20]) == 10.0
    assert imbalance_ratio([7]) == 1.0
    assert imbalance_ratio([7, 0]) is None


def test_measurability_at_the_borders() -> None:
    assert [measurable(n) for n in (0, 9, 10, 29, 30)] == ["not measurable"] * 2 + ["macro"] * 2 + ["report"]
    assert measurability({"a": 30, "b": 9, "c": 12, "d": 300}) == (("a", "d"), ("c",), ("b",))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: effective_rows([]), "at least one number"),
        (lambda: effective_rows([0, 2]), "at least 1"),
        (lambda: effective_rows([2.5]), "whole numbers"),
        (lambda: effective_rows([float("nan")]), "whole numbers"),
        (lambda: effective_rows([2], correlation=1.1), "correlation"),
        (lambda: effective_classes([0, 0]), "nothing to count"),
        (lambda: imbalance_ratio([0, 0]), "nothing to count"),
        (lambda: imbalance_ratio([1, -1]), "at least 0"),
        (lambda: measurable(-1), "-1 rows"),
    ],
)
def test_what_cannot_be_answered_is_an_error(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
