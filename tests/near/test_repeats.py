"""Loops found in one pass, against a slow reading of the definition."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.near.repeats import loops

PROSE = "It was late, and the river had risen over the meadow by the mill; nobody came."


def _run(raw: bytes, period: int) -> int:
    """The longest stretch of bytes that equal those one period before."""
    best = run = 0
    for at in range(period, len(raw)):
        run = run + 1 if raw[at] == raw[at - period] else 0
        best = max(best, run)
    return best


@settings(max_examples=80, deadline=None)
@given(
    unit=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    copies=st.integers(2, 12),
    before=st.sampled_from(["", PROSE]),
    after=st.sampled_from(["", " The end."]),
)
def test_a_stretch_that_follows_itself_is_found(unit: str, copies: int, before: str, after: str) -> None:
    text = before + unit * copies + after
    raw, found = text.encode(), loops(pa.array(["", text, None]))
    period, run, start = (int(each[1]) for each in (found.period, found.run, found.start))
    assert found.period[0] == found.period[2] == 0
    if period:
        assert run == _run(raw[start - period : start + run], period) and run >= max(60, 3 * period)
    repeated = len(unit.encode()) * (copies - 1)
    if repeated >= 60 + 16 + 3 * len(unit.encode()) and copies >= 5:
        assert period


def test_prose_has_no_loop() -> None:
    assert not loops(pa.array([PROSE, PROSE + PROSE, ""])).period.any()


def test_a_slice_of_an_array_is_its_own() -> None:
    texts = pa.array(["la " * 40, PROSE, "ho " * 40])
    assert loops(texts[1:]).period.astype(bool).tolist() == [False, True]


def test_a_text_of_one_letter_is_linear() -> None:
    found = loops(pa.array(["a" * 3_000_000]))
    assert found.run[0] > 2_999_000
