"""Components and the greedy rule, on small graphs that can be checked by eye."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from toolkit.near.components import components, greedy_keep
from toolkit.near.pairs import near_pairs


def ints(*values):
    return np.array(values, np.int64)


def test_a_component_is_named_by_its_smallest_row():
    assert components(6, ints(4, 1), ints(5, 4)).tolist() == [0, 1, 2, 3, 1, 1]
    assert components(3, ints(), ints()).tolist() == [0, 1, 2]
    assert components(0, ints(), ints()).tolist() == []


def test_a_row_goes_only_when_its_own_pair_stays():
    # 0 - 1 - 2 - 3: 1 goes for 0, so 2 stays, so 3 goes.
    assert greedy_keep(4, ints(0, 1, 2), ints(1, 2, 3), np.arange(4)).tolist() == [True, False, True, False]
    assert greedy_keep(4, ints(0, 1, 2), ints(1, 2, 3), np.array([9, 1, 2, 0])).tolist() == [False, True, False, True]


def test_one_of_many_equal_rows_stays_whatever_its_rank():
    pairs = near_pairs(pa.array(["a row that is there many times"] * 100))
    rank = np.arange(100)[::-1]
    kept = greedy_keep(100, pairs.left, pairs.right, rank, same=pairs.jaccard == 1)
    assert np.flatnonzero(kept).tolist() == [99]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20), st.permutations(range(10)))
def test_kept_rows_cover_the_rest_and_are_no_pairs(edges, rank):
    edges = [(min(e), max(e)) for e in edges if e[0] != e[1]]
    left, right = ints(*[a for a, _ in edges]), ints(*[b for _, b in edges])
    kept = greedy_keep(10, left, right, np.array(rank))
    assert not any(kept[a] and kept[b] for a, b in edges)
    for row in np.flatnonzero(~kept):
        partners = [a + b - row for a, b in edges if row in (a, b)]
        assert any(kept[p] and rank[p] < rank[row] for p in partners)
    label = components(10, left, right)
    assert all(label[a] == label[b] for a, b in edges)
    assert all(label[label[i]] == label[i] <= i for i in range(10))
