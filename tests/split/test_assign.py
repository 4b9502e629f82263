"""Whole components into parts: the laws of the pure half of the split, on random graphs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.near.assign import Rows, assign, latest
from toolkit.near.pairs import Pairs
from toolkit.near.percolation import at, cut, sweep
from toolkit.near.ties import seeded


def rows(n, labels, seed=0):
    rng = np.random.default_rng(seed)
    order = seeded(rng.permutation(n).astype(np.uint64), seed)
    return Rows(rng.integers(0, labels, n), rng.integers(0, 2, n), rng.integers(1, 300, n), order)


def grouped(sizes):
    """Components of these sizes, each named by its first row."""
    return np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)


NONE = np.zeros(0, bool)
SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=150)


@settings(max_examples=150, deadline=None)
@given(
    sizes=SIZES, labels=st.integers(1, 9), share=st.floats(0.02, 0.45), dev=st.floats(0, 0.4), seed=st.integers(0, 5)
)
def test_no_component_straddles_parts_and_no_part_overflows(sizes, labels, share, dev, seed):
    component = grouped(sizes)
    n = len(component)
    targets = {1: max(1, round(n * share)), 2: round(n * dev)}
    part = assign(rows(n, labels, seed), component, targets, np.zeros(n, bool))
    assert (part == part[component]).all()
    assert set(np.unique(part).tolist()) <= {0, 1, 2}
    assert all((part == code).sum() <= rows_wanted for code, rows_wanted in targets.items())


@settings(max_examples=100, deadline=None)
@given(sizes=SIZES.filter(lambda sizes: sizes.count(1) > len(sizes) / 2), labels=st.integers(1, 9))
def test_sizes_are_met_where_half_of_the_components_are_single_rows(sizes, labels):
    component = grouped(sizes)
    n = len(component)
    wanted = max(1, round(0.2 * n))
    part = assign(rows(n, labels), component, {1: wanted}, np.zeros(n, bool))
    assert (part == 1).sum() == wanted


def test_every_class_gets_its_share():
    n = 3000
    given_rows = rows(n, 12)
    part = assign(given_rows, np.arange(n), {1: 300, 2: 150}, np.zeros(n, bool))
    for name in range(12):
        own = given_rows.label == name
        assert abs((part[own] == 1).sum() - 0.1 * own.sum()) <= 1
        assert abs((part[own] == 2).sum() - 0.05 * own.sum()) <= 1


def test_a_rare_class_gets_a_row_in_every_part():
    label = np.array([0] * 197 + [1] * 3)
    given_rows = rows(200, 1)._replace(label=label)
    part = assign(given_rows, np.arange(200), {1: 20, 2: 20}, np.zeros(200, bool))
    assert sorted(part[label == 1].tolist()) == [0, 1, 2]


def test_more_classes_than_held_out_rows_still_meet_the_size():
    n = 400
    given_rows = rows(n, 1)._replace(label=np.arange(n) // 2)
    part = assign(given_rows, np.arange(n), {1: 40}, np.zeros(n, bool))
    assert (part == 1).sum() == 40


def test_conversations_of_one_size_meet_size_and_classes():
    component = np.repeat(np.arange(0, 2000, 10), 10)
    label = (component // 10) % 5
    part = assign(rows(2000, 1)._replace(label=label), component, {1: 200}, np.zeros(2000, bool))
    assert (part == 1).sum() == 200
    assert np.bincount(label[part == 1], minlength=5).tolist() == [40] * 5


def test_source_kinds_and_lengths_are_spread():
    n = 5000
    given_rows = rows(n, 3)
    part = assign(given_rows, np.arange(n), {1: 500}, np.zeros(n, bool))
    held, train = part == 1, part == 0
    assert abs(given_rows.kind[held].mean() - given_rows.kind[train].mean()) < 0.01
    assert abs(np.median(given_rows.chars[held]) - np.median(given_rows.chars[train])) < 12


def test_the_order_of_the_rows_changes_nothing_and_the_seed_does():
    sizes = [4, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] * 10
    component = grouped(sizes)
    n = len(component)
    given_rows = rows(n, 4)
    part = assign(given_rows, component, {1: n // 10, 2: n // 10}, np.zeros(n, bool))
    mixed = np.random.default_rng(1).permutation(n)
    first = np.full(n, n)
    np.minimum.at(first, component[mixed], np.arange(n))
    again = assign(
        Rows(*(each[mixed] for each in given_rows)),
        first[component[mixed]],
        {1: n // 10, 2: n // 10},
        np.zeros(n, bool),
    )
    assert (again == part[mixed]).all()
    other = assign(given_rows._replace(order=seeded(given_rows.order, 9)), component, {1: n // 10}, np.zeros(n, bool))
    assert (other == 1).sum() == n // 10
    assert ((other == 1) != (part == 1)).any()


def test_rows_that_may_not_be_held_out_are_not():
    component = grouped([50, *[1] * 50])
    only_train = component == 0
    part = assign(rows(100, 2), component, {1: 20}, only_train)
    assert (part[only_train] == 0).all()
    assert (part == 1).sum() == 20


def test_by_time_nothing_in_train_is_later_than_what_is_held_out():
    rng = np.random.default_rng(3)
    when = rng.normal(size=500)
    when[::50] = np.nan
    component = grouped([2] * 100 + [1] * 300)
    order = seeded(np.arange(500, dtype=np.uint64), 0)
    part = latest(when, component, order, {1: 50, 2: 50}, np.zeros(500, bool))
    last = np.full(500, -np.inf)
    np.maximum.at(last, component, np.nan_to_num(when, nan=-np.inf))
    assert (part == part[component]).all()
    assert 49 <= (part == 1).sum() <= 50
    assert last[component[part == 1]].min() >= last[component[part == 2]].max() >= last[component[part == 0]].max()


def chain(n, weight=0.96):
    rows = np.arange(n - 1)
    return Pairs(rows, rows + 1, np.full(n - 1, weight))


def test_the_sweep_stops_before_a_component_swallows_the_rows():
    # Pairs at .92 tie two rows, chains at .72 tie all of them.
    two = np.arange(0, 1000, 2)
    left = np.concatenate([two, np.arange(999)])
    pairs = Pairs(left, left + 1, np.concatenate([np.full(500, 0.92), np.full(999, 0.72)]))
    found = sweep(np.arange(1000), pairs, 20)
    assert found.threshold == 0.75
    assert [step for step, _ in found.figures] == [0.95, 0.9, 0.85, 0.8, 0.75, 0.7]
    assert found.figures[-1] == (0.7, 1.0)
    assert "1,000 rows" in found.why
    assert np.bincount(found.component).max() == 2


def test_a_sweep_over_unrelated_rows_goes_all_the_way_down():
    found = sweep(np.arange(50), Pairs(np.empty(0, int), np.empty(0, int), np.empty(0)), 5)
    assert found.threshold == 0.6
    assert len(found.figures) == 8


def test_a_chain_of_equal_ties_is_cut_into_pieces_of_the_limit():
    hard = np.arange(1000)
    piece = cut(hard, chain(1000), at(hard, chain(1000), 0.95), threshold=0.95, limit=20)
    sizes = np.bincount(piece)
    assert sizes.max() <= 20
    assert (sizes > 0).sum() <= 120


@settings(max_examples=60, deadline=None)
@given(
    ends=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59), st.floats(0.6, 1)), max_size=200),
    seed=st.integers(0, 9),
)
def test_a_cut_keeps_declared_groups_whole_and_the_strongest_ties(ends, seed):
    pairs = Pairs(*(np.array(each) for each in zip(*ends, strict=True))) if ends else chain(2)
    hard = np.repeat(np.arange(0, 60, 3), 3)
    component = at(hard, pairs, 0.7)
    piece = cut(hard, pairs, component, threshold=0.7, limit=9)
    assert (piece == piece[hard]).all()
    assert (component[piece] == component).all()
    whole = np.bincount(component, minlength=60)[component] <= 9
    assert (piece[whole] == component[whole]).all()
    assert np.bincount(piece).max() <= 9
