"""Words for readers: numbers that do not mislead, text that does not act."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.renderers.reading import acting
from toolkit.renderers.words import block, escaped_json, fit, number, pieces, share, short, shown, width


@given(st.text(st.characters(codec=None)))
def test_no_text_acts(text):
    assert not acting(block(text))
    assert "\n" not in shown(text)


@given(st.text(st.characters(codec=None)))
def test_escaped_json_is_the_same_value(text):
    written = escaped_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert not acting(written)


def test_plain_text_is_left_alone():
    for text in ("naïve café", "👩‍👩‍👧", "می‌خواهم", "中文", "việt"):
        assert shown(text) == text


def test_long_text_says_how_long_it_was():
    assert shown("x" * 10_000, 5) == "xxxxx… [10,000 characters]"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 5, "0.0 %"),
        (1, 1_000_000, "<0.1 %"),
        (999_999, 1_000_000, ">99.9 %"),
        (5, 5, "100 %"),
        (1, 3, "33.3 %"),
        (1, 0, ""),
    ],
)
def test_a_share_never_rounds_something_to_nothing(part, whole, said):
    assert share(part, whole) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (50_000, "50k"),
        (99_999, "100k"),
        (999_999, "1M"),
        (1.2e6, "1.2M"),
        (2.5e8, "250M"),
    ],
)
def test_short_counts(value, said):
    assert short(value) == said


def test_numbers():
    assert number(1234567.0) == "1,234,567"
    assert number(0.123456) == "0.1235"
    assert number(float("nan")) == "not a number"


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("split again with toolkit split, or drop the rows", ["toolkit split"]),
        (
            "toolkit findings RUN --check near-duplicate lists the pairs",
            ["toolkit findings RUN --check near-duplicate"],
        ),
        ("toolkit split RUN --heldout SHARE with another share", ["toolkit split RUN --heldout SHARE"]),
        (
            "see runs/x. Then toolkit verify data/a.jsonl --no-embeddings.",
            ["toolkit verify data/a.jsonl --no-embeddings"],
        ),
        ("name one with --against", ["--against"]),
        ("a toolkit of words - and nothing else", []),
    ],
)
def test_commands_are_found_in_a_sentence(text, typed):
    found = pieces(text)
    assert [piece.text for piece in found if piece.code] == typed
    assert "".join(piece.text for piece in found) == text


def test_wide_letters_take_two_columns():
    assert width("中文") == 4
    assert width("e\u0301") == 1
    assert width(fit("中文中文中文", 7)) == 7
