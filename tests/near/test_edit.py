"""Edit distances against the plain table, and the evidence that a row was made of another."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.near.edit import distance
from toolkit.near.edit_evidence import edited_from

TEXT = st.text("ab c", max_size=90).map(str.encode)


def table(pattern: bytes, text: bytes, end: bool, begin: bool) -> int:
    row = [0] * (len(text) + 1) if begin else list(range(len(text) + 1))
    for at, letter in enumerate(pattern):
        below = [at + 1]
        for place, other in enumerate(text):
            below.append(min(row[place + 1] + 1, below[place] + 1, row[place] + (letter != other)))
        row = below
    return min(row) if end else row[-1]


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT, st.booleans(), st.booleans())
def test_distance_is_that_of_the_table(pattern, text, end, begin):
    begin = begin and end
    found = distance(np.frombuffer(pattern, np.uint8), np.frombuffer(text, np.uint8), end, begin)
    assert found == table(pattern, text, end, begin)


PLACES = ("oslo", "bergen", "narvik", "molde", "hamar", "larvik")
REFERENCE = [
    *(f"when does the next train to {place} leave" for place in PLACES),
    "the old lighthouse keeper repairs his wooden boat before winter comes",
    "kannst du mir sagen wie spät es in tokio ist",
    "transfer forty dollars from checking to my holiday savings",
]


def scores(*texts):
    found, _ = edited_from(pa.array(texts), pa.array(REFERENCE))
    return found


def test_a_slot_of_many_rows_is_less_evidence_than_two_typos():
    found = scores(
        "when does the next train to odda leave", "transfre forty dolars from checking to my holiday savings"
    )
    assert found.score[0] < 0.5 < found.score[1]
    assert found.row[1] == 8 and found.edits[1] == 3


def test_what_was_cut_and_what_was_wrapped_is_found_with_its_source():
    found = scores(
        "the old lighthouse keeper repairs his wooden", "ok, " + REFERENCE[6] + " and then he sleeps for a while"
    )
    assert found.row.tolist() == [6, 6] and found.part.all() and (found.score > 0.5).all()
    assert found.edits.tolist() == [0, 0]


def test_a_cut_that_many_rows_share_says_nothing():
    assert scores("when does the next train to").score[0] < 0.5


def test_the_same_skeleton_is_the_same_row():
    found = scores("KANNST du mir sagen, wie spat es in tоkio ist?")
    assert found.same[0] and found.row[0] == 7 and found.score[0] == 1


def test_nothing_is_made_of_nothing():
    for texts, reference in (([], REFERENCE), (REFERENCE, []), (["", None, "?"], REFERENCE), (["abc"], ["", None])):
        found, _ = edited_from(pa.array(texts, pa.string()), pa.array(reference, pa.string()))
        assert not found.same.any()
        if not texts or not reference or texts[0] == "":
            assert (found.row == -1).all() and (found.score == 0).all()


def test_equal_rows_are_compared_once():
    found = edited_from(pa.array(REFERENCE * 2_000), pa.array(REFERENCE * 2_000)).evidence
    assert found.same.all()


def test_blocks_and_threads_change_nothing(monkeypatch):
    from toolkit.near import edit_neighbours

    words = [f"row {at * at} of {PLACES[at % 6]} and {PLACES[at % 5]} number {at % 97}" for at in range(6_000)]
    whole = edited_from(pa.array(words[:500]), pa.array(words[500:])).evidence
    monkeypatch.setattr(edit_neighbours, "POSTINGS", 5_000)
    pieces = edited_from(pa.array(words[:500]), pa.array(words[500:])).evidence
    assert all(np.array_equal(one, other) for one, other in zip(whole, pieces, strict=True))
