"""Planted defects are what the truth says, and nothing else has changed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from toolkit.core import secrets
from toolkit.core.errors import UsageError
from toolkit.core.text import mask_numbers, normal_text
from toolkit.generate.defects import DEMO, KINDS, Dirty, plant

WORDS = ("lamp", "chair", "refund", "parcel", "courier", "invoice", "blue", "email", "account", "order", "kettle")


def clean(count: int = 400) -> list[dict[str, Any]]:
    def text(nth: int) -> str:
        return " ".join(
            WORDS[(nth * 7 + step * step) % len(WORDS)] + "abcdefghij"[nth // 10**step % 10] for step in range(18)
        )

    return [{"text": f"{text(nth)} number {nth + 100}.", "label": "abc"[nth % 3]} for nth in range(count)]


HELDOUT = [
    {"id": f"h{nth}", "text": f"held out text number {nth} of the evaluation", "label": "a"} for nth in range(20)
]


def planted(**told: Any) -> Dirty:
    return plant(clean(), heldout=HELDOUT, **{"seed": 5, **told})


def parsed(dirty: Dirty) -> dict[str, dict[str, Any]]:
    rows = {}
    for line in dirty.lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        assert row["id"] not in rows
        rows[row["id"]] = row
    return rows


def test_the_truth_counts_what_was_asked_for_and_points_at_its_lines() -> None:
    dirty = planted()
    assert Counter(each.kind for each in dirty.truth) == DEMO
    for each in dirty.truth:
        assert each.id.encode() in dirty.lines[each.line - 1]
    added = sum(DEMO[kind] for kind in ("exact-duplicate", "near-duplicate", "number-variant", "leak", "broken-line"))
    assert len(dirty.lines) == 400 + added


def test_each_kind_is_what_its_name_says() -> None:
    dirty, before = planted(), {f"row-{nth:06d}": row for nth, row in enumerate(clean())}
    rows, held = parsed(dirty), {row["id"]: row for row in HELDOUT}
    for each in dirty.truth:
        row = rows.get(each.id, {})
        other = rows.get(each.of or "", {})
        if each.kind == "exact-duplicate":
            assert row["text"] == other["text"]
        elif each.kind == "near-duplicate":
            assert normal_text(row["text"]) != normal_text(other["text"])
            assert len(set(row["text"].split()) & set(other["text"].split())) >= len(set(other["text"].split())) - 2
        elif each.kind == "number-variant":
            assert row["text"] != other["text"]
            assert mask_numbers(row["text"]) == mask_numbers(other["text"])
        elif each.kind == "swapped-label":
            assert row["label"] != each.detail == before[each.id]["label"]
        elif each.kind == "empty-text":
            assert not row["text"].strip()
        elif each.kind == "leak":
            assert normal_text(row["text"]) == normal_text(held[each.of or ""]["text"])
        elif each.kind == "secret":
            assert [found.type for found in secrets.find(row["text"])] == [each.detail]
        else:
            with pytest.raises(ValueError):
                json.loads(dirty.lines[each.line - 1])


def test_every_other_row_is_as_it_was() -> None:
    dirty = planted()
    touched = {each.id for each in dirty.truth}
    rows = parsed(dirty)
    for nth, row in enumerate(clean()):
        name = f"row-{nth:06d}"
        if name not in touched:
            assert rows[name] == {"id": name, **row}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    assert planted() == planted()
    assert planted().lines != planted(seed=6).lines


def test_no_row_has_two_defects() -> None:
    dirty = planted()
    ids = [each.id for each in dirty.truth]
    of = [each.of for each in dirty.truth if each.of and each.kind != "leak"]
    assert len(set(ids)) == len(ids)
    assert len(set(of)) == len(of)
    assert not set(ids) & set(of)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_alone(kind: str) -> None:
    assert [each.kind for each in planted(counts={kind: 3}).truth] == [kind] * 3


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"counts": {"typo": 1}}, "unknown defect"),
        ({"counts": {"exact-duplicate": 500}}, "too few rows"),
        ({"counts": {"leak": 21}}, "held-out row"),
    ],
)
def test_what_cannot_be_planted_is_an_error(told: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planted(**told)
