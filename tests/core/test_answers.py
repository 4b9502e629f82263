"""Arithmetic, final answers and quotes in texts: read in one way or not at all, in linear time."""

from __future__ import annotations

import gzip
import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.answers import final_answer
from toolkit.core.arithmetic import equations, value_of, wrong_sums
from toolkit.core.quotes import Documents, quotes, unsupported


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.5 + 5", Fraction(2479, 2)),
        ("-2 * (3 + 4)", Fraction(-14)),
        ("2 ^ 3 ^ 2", Fraction(512)),
        ("50% * $80", Fraction(40)),
        ("1 / 0", None),
        ("2 ** 9999", None),
        ("(1 + 2", None),
        ("", None),
    ],
)
def test_an_expression_has_one_value_or_none(text: str, value: Fraction | None) -> None:
    assert value_of(text) == value


@given(st.integers(0, 999), st.integers(0, 999), st.sampled_from("+-*"))
def test_what_computes_is_silent_and_what_is_off_by_one_is_not(one: int, two: int, sign: str) -> None:
    true = {"+": one + two, "-": one - two, "*": one * two}[sign]
    assert not wrong_sums(f"So {one} {sign} {two} = {true}.")
    assert [each.sureness for each in wrong_sums(f"<<{one}{sign}{two}={true + 1}>>")] in ([1.0], [0.3])


@given(st.text("0123456789+-*/()=<>$%., x\n`", max_size=300))
def test_no_text_raises(text: str) -> None:
    list(equations(text))
    final_answer(text)
    quotes(text)


@pytest.mark.parametrize("piece", ["1 + ", "(", "1=", "<<1+1", "=", "9", '"a b c d ', "> a\n", "[1] ", "1x", "-"])
def test_long_texts_take_linear_time(piece: str) -> None:
    text = piece * (150_000 // len(piece))
    started = time.process_time()
    list(equations(text)), final_answer(text), list(unsupported(text, Documents([text[:50_000]])))
    assert time.process_time() - started < 8


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so it is 7.\n#### 1,000", "1000"),
        ("The answer is $3.50.", "7/2"),
        ("thus \\boxed{12}", "12"),
        ("Paris.", "paris"),
        ("I went home and slept well after a long day", None),
    ],
)
def test_the_final_answer(text: str, value: str | None) -> None:
    found = final_answer(text)
    assert (found and found.value) == value


def test_worked_solutions_of_people_hold_nearly_always(truth: Path) -> None:
    """24,221 equations of GSM8K's training part; 16 that do not hold were read by hand, all slips of the writers."""
    with gzip.open(truth / "gsm8k" / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["answer"] for line in file][:2000]
    wrong = [each for text in texts for each in wrong_sums(text) if each.sureness > 0.5]
    assert sum(1 for text in texts for _ in equations(text)) > 5000
    assert len(wrong) < 12
