"""The next round: what was decided is not asked again, nor what is like a rejected row; small classes are sought."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sample.test_queue import _file, _labelled, _rows
from toolkit.core.errors import InputError, UsageError
from toolkit.label.merge import merge
from toolkit.sample import Given, SampleOptions, sample
from toolkit.store import labels


def _answer(queue: Path, folder: Path, status: dict[str, str]) -> Path:
    """Answer the rows of a queue: those in `status` so, the others by their topic. The file of decisions."""
    rows = [json.loads(line) for line in queue.read_text().splitlines()]
    given = [
        {"id": row["id"], "hash": row["hash"], "by": "mara"}
        | ({"status": status[row["id"]]} if row["id"] in status else {"label": row["text"].split()[0]})
        for row in rows
    ]
    return merge([_file(folder / "said.jsonl", given)], queue, folder / "train.jsonl").labels


def test_what_is_decided_is_not_asked_again_and_what_is_skipped_may_be(tmp_path: Path, encoder: Any) -> None:
    pool = _file(tmp_path / "pool.jsonl", _rows(0, 60))
    first = sample(Given(pool), 20, out=tmp_path / "one", encode=encoder)
    skipped, rejected = first.rows[0].id, first.rows[1].id
    decided = _answer(first.path, tmp_path, {skipped: "skipped", rejected: "rejected"})
    assert labels.current(labels.read(decided))[rejected, first.rows[1].hash].status == "rejected"
    train = _file(tmp_path / "start.jsonl", _labelled(300, 20))
    second = sample(Given(pool, train, asked=(decided,)), 60, out=tmp_path / "two", encode=encoder)
    again = {row.id for row in second.rows}
    assert skipped in again and not again & ({row.id for row in first.rows} - {skipped})


def test_what_is_like_a_rejected_row_is_not_asked(tmp_path: Path, encoder: Any) -> None:
    jokes = [
        {"id": f"j{at}", "text": f"tell me a funny joke about number {at * 7919} and a {at} story"} for at in range(8)
    ]
    pool = _file(tmp_path / "pool.jsonl", [*_rows(0, 40), *jokes])
    first = sample(Given(_file(tmp_path / "first.jsonl", jokes[:1])), 1, out=tmp_path / "one", encode=encoder)
    decided = _answer(first.path, tmp_path, {"j0": "rejected"})
    train = _file(tmp_path / "start.jsonl", _labelled(300, 20))
    options = SampleOptions(novel=1.0)
    with_jokes = sample(Given(pool, train, options=options), 60, out=tmp_path / "two", encode=encoder)
    without = sample(Given(pool, train, asked=(decided,), options=options), 60, out=tmp_path / "two", encode=encoder)
    assert sum(row.id.startswith("j") for row in with_jokes.rows) > 2
    assert not any(row.id.startswith("j") for row in without.rows)
    assert without.told["left_out"]["asked"] >= 3 and len(without.rows) > 20


def test_small_classes_are_sought(tmp_path: Path, encoder: Any) -> None:
    rows = _labelled(300, 60)
    small = [row for row in rows if row["label"] != "refund"] + [row for row in rows if row["label"] == "refund"][:3]
    train, pool = _file(tmp_path / "train.jsonl", small), _file(tmp_path / "pool.jsonl", _rows(0, 200))
    report = tmp_path / "readiness.json"
    told = [
        {"name": name, "rows": 3 if name == "refund" else 15} for name in ("refund", "billing", "login", "delivery")
    ]
    report.write_text(json.dumps({"classes": told}))
    options = SampleOptions(audit=0)
    plain = sample(Given(pool, train, options=options), 20, out=tmp_path / "a", encode=encoder)
    found = sample(
        Given(pool, train, options=replace(options, seek=str(report))), 20, out=tmp_path / "b", encode=encoder
    )
    share = [sum(row.text.startswith("refund") for row in each.rows) for each in (plain, found)]
    assert share[1] > share[0] and found.told["sought"] == ["refund"]
    assert any("'refund' lacks rows" in row.reason for row in found.rows)


@pytest.mark.parametrize("content", ["{}", "[]", "no"])
def test_what_is_no_report_is_told(tmp_path: Path, encoder: Any, content: str) -> None:
    pool, report = _file(tmp_path / "pool.jsonl", _rows(0, 20)), tmp_path / "readiness.json"
    report.write_text(content)
    with pytest.raises(InputError, match="no readiness report"):
        sample(Given(pool, options=SampleOptions(seek=str(report))), 5, encode=encoder)
    report.write_text('{"classes": [{"name": "x", "rows": 1}]}')
    with pytest.raises(UsageError, match="no labelled row has one of the classes"):
        sample(Given(pool, options=SampleOptions(seek=str(report))), 5, encode=encoder)


def test_the_model_s_own_class_is_the_draft(tmp_path: Path, encoder: Any) -> None:
    chats = [
        {"messages": [{"role": "user", "content": row["text"]}, {"role": "assistant", "content": "refund"}]}
        for row in _rows(0, 20)
    ]
    train = _file(tmp_path / "train.jsonl", _labelled(300, 40))
    made = sample(Given(_file(tmp_path / "pool.jsonl", chats), train), 10, encode=encoder)
    assert {(row.kind, row.draft["label"]) for row in made.rows if row.draft} == {("class", "refund")}
