"""Replies as models write them: what is read from each, and that none costs more time than it has characters."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from toolkit.core import loose

TALK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
CODE = {"solution": "```python\nx = [1]\n```"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["a", "b"]', ["a", "b"]),
        ('Sure! Here are [two] of them:\n\n["a", "b"]\n\nReplace [name] as you like.', ["a", "b"]),
        ('```json\n["a", "b"]\n```', ["a", "b"]),
        (f"Here:\n```json\n{json.dumps([CODE])}\n```\nThe code uses [1].", [CODE]),
        ('<think>Maybe ["x", "y"]? No.</think>\n["a"]', ["a"]),
        ('Okay, say ["x"].\n</think>\n["a"]', ["a"]),
        ('["a", "b",]', ["a", "b"]),
        ('[{"a": 1,}, // the first\n {"a": "http://b.c/d,]"},]', [{"a": 1}, {"a": "http://b.c/d,]"}]),
        ("['it is', \"it's\"]", ["it is", "it's"]),
        ('{"items": [{"a": 1}, {"a": 2}]}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('1. {"a": 1}\n2. {"a": 2}', [{"a": 1}, {"a": 2}]),
        ('1. "a"\n2. "b"', ["a", "b"]),
        ('{"count": 2, "items": ["a", "b"]}', ["a", "b"]),
        ('{"user": "a", "calls": []}', [{"user": "a", "calls": []}]),
        (json.dumps(TALK), [TALK]),
        (json.dumps({"messages": TALK}), [{"messages": TALK}]),
        (f"{json.dumps(TALK)}\n\n{json.dumps(TALK)}", [TALK, TALK]),
        ('["one\nline", "it\\\'s", "\\(x\\)"]', ["one\nline", "it's", "\\(x\\)"]),
        ('[{"a": "x"}, {"a": "y"}, {"a": "cut of', [{"a": "x"}, {"a": "y"}]),
        ('["a", "He said "no" to it", "c"]', ["a"]),
        ('["He said "no" to it", "c"]', None),
        ('["cut of', None),
        ("I'm sorry, but I can't help with that [1].", None),
        ("", None),
    ],
)
def test_what_is_read_from_a_reply(text: str, found: Any) -> None:
    assert loose.items(text) == found


@pytest.mark.parametrize("piece", ["[", '["', '{"a":[', "x[ ", "['", "<think>", "```\n", '[{"a": "b"} '])
def test_a_hostile_reply_is_read_in_linear_time(piece: str) -> None:
    began = time.process_time()
    loose.items(piece * (30_000 // len(piece)))
    assert time.process_time() - began < 1


def test_marks_of_a_list_are_taken_off_where_all_texts_carry_them() -> None:
    assert loose.unlisted(["1. a", "2. b"]) == ["a", "b"]
    assert loose.unlisted(["- a", "- b"]) == ["a", "b"]
    assert loose.unlisted(['"a b"', '"c d"']) == ["a b", "c d"]
    for kept in (["1. a", "b"], ["- a"], ['"a" and "b"'], [" a "], ["2. a"], [1, "1. a"]):
        assert loose.unlisted(kept) == kept


def test_code_is_read_out_of_its_fence_and_several_fences_are_left_alone() -> None:
    assert loose.code("Here:\n```sql\nSELECT 1;\n```\nIt gives one.") == "SELECT 1;"
    assert loose.code(" x = 1 \n") == "x = 1"
    assert loose.code("```\na\n```\n```\nb\n```").count("```") == 4


def test_a_command_of_latex_that_json_swallowed_is_seen() -> None:
    for text in (r'["\frac{1}{2}"]', r'[{"a": ["\beta"]}]', r'["2 \times 3"]', r'["\right)"]'):
        assert loose.lost_backslash(json.loads(text))
    for text in (r'["a\tb"]', r'["\\frac"]', r'["a\nb"]'):
        assert not loose.lost_backslash(json.loads(text))


def test_the_last_object_of_a_reply_is_its_verdict() -> None:
    told = '<think>{"accept": false}?</think> It reads well. ```json\n{"reason": "ok", "accept": true}\n```'
    assert loose.an_object(told) == {"reason": "ok", "accept": True}
    assert loose.an_object("yes") is None
