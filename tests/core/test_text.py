"""The light definition of normal text and the one of near duplicates are one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.text import mask_numbers, normal_text
from toolkit.near import normal


@given(st.text())
def test_both_normalise_alike(text: str) -> None:
    assert normal_text(text) == normal.normal_text(text)


@given(st.text())
def test_normal_text_is_a_fixed_point_once_masked(text: str) -> None:
    masked = mask_numbers(normal_text(text))
    assert mask_numbers(masked) == masked


def test_a_number_is_one_with_its_decimals_and_thousands() -> None:
    assert mask_numbers("1,000.50 for A-12 and 7") == "0 for A-0 and 0"
