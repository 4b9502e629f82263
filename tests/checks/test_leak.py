"""Leaks against public ground truth, where it is at hand."""

from __future__ import annotations

import gzip
import json
from collections import Counter

from sklearn.metrics import average_precision_score

from tests.looking import facts, freeze, look
from toolkit.core.types import Finding


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_planted_leaks_are_ranked_first_and_every_kind_is_found(truth, tmp_path):
    folder = truth / "leak_clinc_shared"
    kinds = {row["id"]: row["kind"] for row in rows(folder / "truth.jsonl.gz") if row["is_leaked"]}
    test = rows(folder / "test.jsonl.gz")
    train = freeze(rows(folder / "train.jsonl.gz"), tmp_path / "train")
    results = look("leak", freeze(test, tmp_path / "test"), references=[("train", train, None)])
    scores = {each.row: each.score for each in results if isinstance(each, Finding)}
    leaked = [row["id"] in kinds for row in test]
    assert average_precision_score(leaked, [scores.get(at, 0.0) for at in range(len(test))]) > 0.9
    found = Counter(kinds[row["id"]] for at, row in enumerate(test) if leaked[at] and scores.get(at, 0) >= 0.6)
    asked = Counter(kinds.values())
    assert all(found[kind] for kind in asked)
    assert all(found[kind] == asked[kind] for kind in ("exact", "case", "space", "unicode", "confusable", "punct"))
    assert facts(results)["rows compared", "train"] == len(test)


def test_a_long_row_is_judged_by_its_shingles(tmp_path):
    text = " ".join(
        f"sentence {at} tells of a voyage from port {at * at % 91} to port {at * 7 % 89}." for at in range(40)
    )
    train = freeze([{"text": text, "label": "x"}, {"text": "something else", "label": "x"}], tmp_path / "train")
    test = freeze([{"text": text.replace("sentence 30", "phrase thirty"), "label": "x"}], tmp_path / "test")
    (found,) = (each for each in look("leak", test, references=[("train", train, None)]) if isinstance(each, Finding))
    assert found.kind == "near" and found.score > 0.9
