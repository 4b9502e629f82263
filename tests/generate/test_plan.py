"""Quotas, waves and stops, without asking anyone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.request import Capacity, Cell
from toolkit.generate.plan import CellState, Plan, cells, share_out

A, B = Cell("a", (("tone", "x"),)), Cell("a", (("tone", "y"),))


def plan(*states: CellState, per_call: int = 4, most: int = 1000) -> Plan:
    return Plan(states, per_call=per_call, max_candidates=most, seed=0)


def play(made: Plan, accept: dict[Cell, float]) -> int:
    """Judge wave after wave, accepting a fixed share of each cell's rows; returns how many waves it took."""
    waves = 0
    for wave in made.waves():
        waves += 1
        for seed in wave:
            good = min(round(seed.rows * accept[seed.cell]), made.cells[seed.cell].missing)
            made.take(seed.cell, Counter({"dedupe": seed.rows - good}), good)
    return waves


@given(
    st.integers(0, 5000),
    st.lists(st.floats(0.01, 100, allow_nan=False), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_shares_add_up_and_are_within_one_of_exact(total: int, weights: list[float], rng: object) -> None:
    shares = share_out(total, weights, [0] * len(weights))
    assert sum(shares) == total
    assert all(
        abs(share - total * weight / sum(weights)) < 1 + 1e-6 for share, weight in zip(shares, weights, strict=True)
    )


def test_few_rows_over_many_cells_are_spread_and_not_the_first_cells() -> None:
    grid = [(Cell("a", (("n", str(nth)),)), 1.0, 1.0) for nth in range(100)]
    quotas = [state.quota for state in cells(grid, 10, 0, lambda cell: None)]
    assert sum(quotas) == 10
    assert max(quotas) == 1
    assert any(quotas[50:])
    assert quotas != [state.quota for state in cells(grid, 10, 1, lambda cell: None)]


def test_a_perfect_yield_needs_one_wave_and_asks_for_no_row_too_many() -> None:
    made = plan(CellState(A, 10, None), CellState(B, 7, None))
    assert play(made, {A: 1.0, B: 1.0}) == 1
    assert made.asked == made.accepted == made.target == 17


def test_half_the_yield_asks_for_about_twice_as_many() -> None:
    made = plan(CellState(A, 200, None))
    waves = play(made, {A: 0.5})
    assert made.accepted == 200
    assert waves <= 6
    assert made.asked <= 450


def test_sample_indices_never_repeat_within_a_cell() -> None:
    made = plan(CellState(A, 37, None))
    seen: list[int] = []
    for wave in made.waves():
        for seed in wave:
            seen += range(seed.sample, seed.sample + seed.rows)
            made.take(A, Counter(dedupe=seed.rows // 2), seed.rows - seed.rows // 2)
    assert sorted(seen) == list(range(len(seen)))


def test_a_cell_never_asks_past_what_it_can_make() -> None:
    made = plan(CellState(A, 50, Capacity(40, 30, 37)), CellState(B, 5, None))
    play(made, {A: 0.6, B: 1.0})
    assert made.cells[A].asked == 37
    assert "all 30 texts it can make were tried" in made.cells[A].closed
    assert made.accepted == 55
    assert made.stops == []


def test_a_label_without_open_cells_stops_short_by_name() -> None:
    made = plan(CellState(A, 50, Capacity(30, 30, 37)), CellState(Cell("b"), 5, None))
    play(made, {A: 0.5, Cell("b"): 1.0})
    assert len(made.stops) == 1
    assert made.stops[0].startswith("label 'a' is")
    assert A.name in made.stops[0]
    assert made.target == 55


@pytest.mark.parametrize("most", [1, 7, 30])
def test_max_candidates_is_never_passed(most: int) -> None:
    made = plan(CellState(A, 50, None), most=most)
    play(made, {A: 0.2})
    assert made.asked == most
    assert f"max_candidates ({most}) reached" in made.stops[0]


def test_a_label_that_gives_nothing_is_tried_no_more_than_tells() -> None:
    """The other label is good, so the run itself is not barren."""
    states = [CellState(Cell("good"), 200, None), CellState(Cell("bad"), 200, None)]
    made = Plan(states, per_call=5, max_candidates=4000, seed=1)
    for wave in made.waves():
        for seed in wave:
            bad = seed.cell.label == "bad"
            made.take(seed.cell, Counter({"judge": seed.rows} if bad else {}), 0 if bad else seed.rows)
    good, bad = made.cells.values()
    assert good.accepted == 200
    assert bad.candidates == 50  # ten requests of five
    assert len(made.stops) == 1
    assert "label 'bad' is 200 short" in made.stops[0]


def test_the_last_word_on_what_refused_most_counts_all() -> None:
    made = Plan([CellState(Cell("a"), 30, None)], per_call=5, max_candidates=40, seed=1)
    for wave in made.waves():
        for seed in wave:
            made.take(seed.cell, Counter({"judge": seed.rows - 1}), 1)
    assert made.stops == ["max_candidates (40) reached; gate judge refused most (32), most missing in cell a"]


def test_a_value_that_gives_nothing_in_cells_too_small_to_tell_is_given_up() -> None:
    sized = {size: [Cell("a", (("size", size), ("tone", str(nth)))) for nth in range(8)] for size in ("small", "huge")}
    made = plan(*(CellState(cell, 2, None) for own in sized.values() for cell in own), per_call=1)
    play(made, {cell: 1.0 if cell in sized["small"] else 0.0 for own in sized.values() for cell in own})
    assert (made.accepted, made.stopped) == (32, [])
    assert {made.cells[cell].closed.partition(" of ")[0] for cell in sized["huge"]} == {"size=huge gave 0"}
    assert made.asked < 150
