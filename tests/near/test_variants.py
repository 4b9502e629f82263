"""Pairs that differ only in their numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from toolkit.near.pairs import Pairs, near_pairs, near_pairs_between
from toolkit.near.variants import number_variants


def differ(one, other):
    pair = Pairs(np.array([0]), np.array([1]), np.array([0.9]))
    return bool(number_variants(pa.array([one, other]), pair)[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tom has 3 apples", "tom has 14  apples"),
        ("it cost 1,000.50 euro", "it cost 2,000.50 euro"),
        ("room 3.5", "room 35"),
        ("in 2019, 5 people", "in 2019, 6 people"),
        ("１２ apples", "13 apples"),
        (
            "a long question about trains that leave at 9 from the old station",
            "a long question about trains that leave at 8 from the old stations",
        ),
    ],
)
def test_other_numbers_in_the_same_words(one, other):
    assert differ(one, other)
    assert differ(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tom has 3 apples", "tom has 3  apples"),
        ("it cost 1,000.50 euro", "it cost 1000.50 euro"),
        ("Tom has three apples", "Tom has four apples"),
        ("Tom has 3 apples and a dog", "Tom sold 4 pears to a cat"),
        ("", "7"),
        ("the end is 5.", "the end is 5"),
    ],
)
def test_anything_else_is_no_number_variant(one, other):
    assert not differ(one, other)
    assert not differ(other, one)


def test_the_reference_has_its_own_rows():
    rows, reference = pa.array(["x", "tom has 3 red apples to sell"]), pa.array(["tom has 9 red apples to sell"])
    pairs = near_pairs_between(rows, reference, threshold=0.5)
    assert number_variants(rows, pairs, reference=reference).tolist() == [True]


def test_no_pairs_no_answers():
    rows = pa.array(["a", None])
    assert number_variants(rows, near_pairs(rows)).tolist() == []
