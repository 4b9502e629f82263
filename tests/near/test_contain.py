"""Items inside rows: tokens, candidates, evidence, the bar."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from toolkit.near.contain import Evidence, Rarity, evidence
from toolkit.near.contain_bar import CEILING, USUAL_BAR, bar
from toolkit.near.contain_rows import _longest_run, _place
from toolkit.near.windows import Candidates, Tokens, candidates, items_of, tokens

ITEM = "A baker fills 14 trays with 36 rolls each and sells 410 of them before noon. How many rolls are left?"
OTHER = "Three sisters share 99 marbles so that the eldest gets twice as many as the youngest. Who has 33?"


def _words(found: Tokens, row: int) -> list[str]:
    data, places = found.text.data, range(found.offset[row], found.offset[row + 1])
    return [data[found.start[at] : found.stop[at]].tobytes().decode() for at in places]


def _compared(rows: list[str], items: list[str]) -> tuple[Candidates, Evidence, Tokens]:
    own, known, rarity = tokens(pa.array(rows)), tokens(pa.array(items)), Rarity()
    rarity.count(own)
    rarity.count(known)
    looked_for = items_of(known, rarity.table, rarity.n)
    pairs = candidates(own, looked_for)
    return pairs, evidence(own, looked_for, pairs, rarity.weights()), own


def test_tokens_are_words_and_whole_numbers() -> None:
    found = tokens(pa.array(["She paid $1,000.50, ok.\nHéllo 3/4", None, "", "2.5.6"]))
    assert _words(found, 0) == ["she", "paid", "1,000.50", "ok", "héllo", "3", "4"]
    assert found.opens[: found.offset[1]].tolist() == [True, False, False, False, True, False, False]
    assert [_words(found, row) for row in (1, 2, 3)] == [[], [], ["2.5", "6"]]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("twelve", "12", True),
        ("7.00", "7", True),
        ("1,000.50", "1000.5", True),
        ("10", "1", False),
        ("0.25", "25", False),
        ("boxes", "box", True),
        ("paint", "pain", False),
        ("12,34", "1234", False),
    ],
)
def test_a_number_is_its_value_and_a_word_its_stem(one: str, other: str, equal: bool) -> None:
    found = tokens(pa.array([one, other]))
    first, second = (found.hash[found.offset[row] : found.offset[row + 1]].tolist() for row in (0, 1))
    assert (first == second) is equal


def test_an_item_is_found_in_the_middle_of_a_long_row() -> None:
    filler = " ".join(f"Sentence number {at} is about nothing in particular." for at in range(300))
    row = f"{filler}\n{ITEM}\n{filler}"
    pairs, found, own = _compared([filler, row], [OTHER, ITEM])
    at = int(np.flatnonzero((pairs.row == 1) & (pairs.item == 1))[0])
    assert own.text.data[found.begin[at] : found.end[at]].tobytes().decode() == ITEM.lower().rstrip("?")
    assert found.words[at] == found.back[at] == found.run[at] == found.numbers[at] == pytest.approx(1.0)
    assert found.part[at] < 0.05 and not found.changed[at]


def test_other_numbers_are_told_from_the_same() -> None:
    variant = ITEM.replace("14", "25").replace("36", "18").replace("410", "333")
    pairs, found, _ = _compared([variant, ITEM, OTHER], [ITEM])
    by_row = {int(row): at for at, row in enumerate(pairs.row)}
    assert found.changed[by_row[0]] and found.numbers[by_row[0]] == 0.0
    assert not found.changed[by_row[1]] and found.numbers[by_row[1]] == 1.0


def test_an_item_is_not_compared_with_itself() -> None:
    own, rarity = tokens(pa.array([ITEM, OTHER, ITEM + " Why?"])), Rarity()
    rarity.count(own)
    pairs = candidates(own, items_of(own, rarity.table, rarity.n), np.arange(3))
    assert {(0, 2), (2, 0)} <= set(zip(pairs.row.tolist(), pairs.item.tolist(), strict=True))
    assert not (pairs.row == pairs.item).any()


def test_the_bar_follows_the_items() -> None:
    draw = np.random.default_rng(3)
    rows = np.concatenate([draw.gumbel(-8, 0.8, 5000), np.full(200, 4.0)])
    apart, alike = (bar(draw.gumbel(at, 0.8, 2000), rows, len(rows)) for at in (-8, -5))
    assert -6 < apart.value < alike.value <= CEILING
    assert (rows[:5000] >= apart.value).sum() <= 20


def test_copies_within_a_benchmark_do_not_lift_the_bar() -> None:
    draw = np.random.default_rng(4)
    null, rows = draw.gumbel(-8, 0.8, 2000), np.concatenate([draw.gumbel(-8, 0.8, 5000), np.full(200, 4.0)])
    doubled = null.copy()
    doubled[:60] = 6.0
    assert abs(bar(doubled, rows, 5200).value - bar(null, rows, 5200).value) < 1.0


def test_few_items_have_the_usual_bar() -> None:
    assert bar(np.array([-np.inf]), np.array([3.0]), 10).value == USUAL_BAR
    assert bar(np.empty(0), np.empty(0), 0).value == USUAL_BAR


@pytest.mark.parametrize(
    "text", ["a  b\n\nCount  THE\tstars now", "ﬁve  Ünïts\u00ad and\nCount the STARS now", "Count the stars now"]
)
def test_places_are_characters_of_the_row(text: str) -> None:
    found = tokens(pa.array([text]))
    at = _words(found, 0).index("count")
    start, stop = _place(text, int(found.start[at]), int(found.stop[at + 2]))
    assert text[start:stop].lower().split() == ["count", "the", "stars"]


def test_the_longest_run_is_shown() -> None:
    assert _longest_run("so we say a b c d today", "x a b c d y") == "a b c d"
