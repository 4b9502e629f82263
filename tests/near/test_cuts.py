"""Rows that others begin with, against plain strings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.near.cuts import cuts
from toolkit.near.edit_evidence import edited_from
from toolkit.near.folded import folded

ROW = st.lists(st.sampled_from(["ab", "cd", "ef", "é"]), min_size=1, max_size=5).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12), st.lists(ROW, min_size=1, max_size=12, unique=True))
def test_the_only_row_that_begins_with_another_is_found(own, reference):
    found = cuts(folded(pa.array(own)), folded(pa.array(reference)))
    everything = {*own, *reference}
    for at, text in enumerate(own):
        begun = [row for row in reference if text.startswith(row + " ")]
        longest = max(begun, key=len, default=None)
        alone = longest is not None and sum(row.startswith(longest + " ") for row in everything) == 1
        assert found.inner[at] == (reference.index(longest) if alone else -1)
        longer = [row for row in reference if row.startswith(text + " ")]
        assert found.outer[at] == (reference.index(longer[0]) if len(longer) == 1 else -1)


def test_a_word_that_seldom_ends_a_row_is_evidence_and_a_usual_end_is_none():
    rows = [f"what is the {thing} of {place}" for thing in ("price", "size", "name") for place in ("oslo", "rome")]
    reference = [*rows, "tell me the age of", "tell me the age"]
    found = cuts(
        folded(pa.array(["tell me the age of rome", "what is the price", "tell me the"])), folded(pa.array(reference))
    )
    assert found.inner.tolist() == [6, -1, -1] and found.inner_end[0] > 2
    assert found.outer.tolist()[:2] == [-1, -1] and found.outer_end[2] > 0  # no row ends in "the"


def test_a_row_with_no_blank_and_an_empty_reference_are_no_cuts():
    found = cuts(folded(pa.array(["東京の天気", "", None])), folded(pa.array(["東京"])))
    assert found.inner.tolist() == found.outer.tolist() == [-1, -1, -1]
    assert cuts(folded(pa.array(["a b"])), folded(pa.array([], pa.string()))).inner.tolist() == [-1]


PLACES = ("oslo", "bergen", "narvik", "molde", "hamar", "larvik", "odda", "voss")
ROWS = [
    f"{ask} in {place}" for place in PLACES for ask in ("how cold is it", "who sells old maps", "where do buses stop")
]


def test_a_reference_row_that_ends_where_none_does_was_cut_from_the_query():
    known = [*ROWS, "which fish can be bought in", "which bread can be bought"]
    known += [f"where is {thing} bought" for thing in ("cheese", "salt", "wool", "coal", "rope", "glass")]
    found, _ = edited_from(
        pa.array(["which fish can be bought in spring", "which bread can be bought today"]), pa.array(known)
    )
    assert found.row.tolist() == [len(ROWS), len(ROWS) + 1] and found.part.all()
    assert found.score[0] > found.score[1] + 0.1 and np.all(found.edits == 0)
