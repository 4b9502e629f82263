"""Answers become rows: by id and hash, each once, and none is lost or guessed."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.label import answers
from toolkit.label.answers import Answer
from toolkit.label.merge import merge
from toolkit.sample import production_error, write_for
from toolkit.sample.queue import QueueRow, content_hash, write_queue
from toolkit.store import labels

CLASSES = ("billing", "delivery", "refund")


def _row(at: int, kind: str = "class", **more: Any) -> QueueRow:
    text = f"question number {at} about {CLASSES[at % 3]}"
    told: dict[str, Any] = {
        "rank": at + 1, "id": f"q{at}", "hash": content_hash(text), "kind": kind, "text": text,
        "group": "audit" if at % 4 == 0 else "hard", "hardness": 0.5, "probability": 0.5 if at % 4 == 0 else None,
        "n_similar": 1, "nearest": None, "reason": "hard", "draft": {"label": CLASSES[at % 3], "confidence": 0.7},
        "row": {"id": f"q{at}", "text": text, "confidence": 0.2},
    }  # fmt: skip
    return QueueRow(**{**told, **more})


def _queue(folder: Path, rows: list[QueueRow]) -> Path:
    write_queue(rows, folder / "queue.jsonl")
    told = {"classes": sorted(CLASSES), "requests": 1000.0}
    (folder / "queue.json").write_text(json.dumps(told))
    return folder / "queue.jsonl"


def _lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _said(row: QueueRow, value: Any, **more: Any) -> dict[str, Any]:
    return {"id": row.id, "hash": row.hash, "label": value, **more}


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def rows() -> list[QueueRow]:
    return [_row(at) for at in range(12)]


@pytest.fixture
def queue(tmp_path: Path, rows: list[QueueRow]) -> Path:
    return _queue(tmp_path, rows)


def test_answers_find_their_rows_in_any_order_and_once(tmp_path: Path, rows: Any, queue: Path) -> None:
    given = [_said(row, CLASSES[at % 3]) for at, row in enumerate(rows)]
    random.Random(1).shuffle(given)
    train = _lines(tmp_path / "train.jsonl", [{"id": "old", "utterance": "an old row", "intent": "refund"}])
    file = _lines(tmp_path / "said.jsonl", given)
    made = merge([file], queue, train)
    assert (made.added, made.round, made.fit) == (12, 1, True)
    assert _read(train)[0] == {"id": "old", "utterance": "an old row", "intent": "refund"}
    assert _read(train)[1] == {"id": "q0", "utterance": rows[0].text, "intent": "billing"}
    before = train.read_bytes(), made.labels.read_bytes()
    again = merge([file, file], queue, train)
    assert (again.added, again.changed, again.same, again.round) == (0, 0, 12, 1)
    assert (train.read_bytes(), made.labels.read_bytes()) == before


def test_a_crash_between_the_two_files_adds_nothing_twice(tmp_path: Path, rows: Any, queue: Path) -> None:
    file, train = _lines(tmp_path / "said.jsonl", [_said(row, "refund") for row in rows]), tmp_path / "train.jsonl"
    made = merge([file], queue, train)
    before = train.read_bytes()
    made.labels.write_bytes(made.labels.read_bytes()[:-40])
    merge([file], queue, train)
    assert train.read_bytes() == before and len(labels.current(labels.read(made.labels))) == 12


def test_a_changed_mind_changes_its_row_and_undo_removes_it(tmp_path: Path, rows: Any, queue: Path) -> None:
    log, train = tmp_path / answers.FILE, tmp_path / "train.jsonl"
    for row in rows[:3]:
        answers.append(log, Answer(row.id, row.hash, "class", "refund", "mara", answers.now()))
    merge([log], queue, train)
    answers.append(log, Answer(rows[1].id, rows[1].hash, "class", "billing", "mara", answers.now()))
    answers.append(log, Answer(rows[2].id, rows[2].hash, "class", None, "mara", answers.now(), "undone"))
    made = merge([log], queue, train)
    assert (made.added, made.changed, made.removed) == (0, 1, 1)
    assert [(row["id"], row["label"]) for row in _read(train)] == [("q0", "refund"), ("q1", "billing")]


def test_a_second_person_comes_later_and_the_first_is_remembered(tmp_path: Path, rows: Any, queue: Path) -> None:
    train = tmp_path / "train.jsonl"
    for name in ("mara", "ben"):
        merge([_lines(tmp_path / f"{name}.jsonl", [_said(row, CLASSES[at % 3]) for at, row in enumerate(rows)])],
              queue, train)  # fmt: skip
    ben = _lines(tmp_path / "ben.jsonl", [_said(rows[0], "refund")])
    made = merge([ben], queue, train)
    assert {one.name: one.answered for one in made.annotators} == {"mara": 12, "ben": 12}
    assert labels.current(labels.read(made.labels))[rows[0].id, rows[0].hash].said == {
        "mara": "billing",
        "ben": "refund",
    }


def test_consensus_finds_the_careless_annotator(tmp_path: Path) -> None:
    rows = [_row(at) for at in range(60)]
    queue, rng = _queue(tmp_path, rows), random.Random(3)
    given = []
    for at, row in enumerate(rows):
        truth = CLASSES[at % 3]
        for name, right in (("mara", 0.95), ("ben", 0.95), ("careless", 0.4)):
            value = truth if rng.random() < right else rng.choice([each for each in CLASSES if each != truth])
            given.append(_said(row, value, by=name))
    made = merge([_lines(tmp_path / "said.jsonl", given)], queue, tmp_path / "train.jsonl")
    quality = {one.name: one.quality for one in made.annotators}
    assert quality["careless"] < 0.6 < 0.7 < min(quality["mara"], quality["ben"])
    right = [row["label"] == CLASSES[int(row["id"][1:]) % 3] for row in _read(tmp_path / "train.jsonl")]
    assert len(right) >= 55 and sum(right) / len(right) >= 0.95


def test_a_tie_waits_for_another_voice(tmp_path: Path) -> None:
    rows = [_row(at, draft=None) for at in range(3)]
    queue = _queue(tmp_path, rows)
    given = [_said(rows[0], name, by=by) for name, by in (("billing", "mara"), ("refund", "ben"))]
    made = merge([_lines(tmp_path / "said.jsonl", given)], queue, tmp_path / "train.jsonl")
    assert made.disputed == ("q0",) and made.added == 0
    third = _lines(tmp_path / "third.jsonl", [_said(rows[0], "refund", by="eve")])
    made = merge([third], queue, tmp_path / "train.jsonl")
    assert made.disputed == () and _read(tmp_path / "train.jsonl")[0]["label"] == "refund"


def test_answers_to_other_rows_are_told_and_the_rest_is_merged(tmp_path: Path, rows: Any, queue: Path) -> None:
    given = [
        _said(rows[0], "billing"), {**_said(rows[1], "billing"), "hash": "00" * 8}, _said(_row(99), "billing"),
        {"id": "q3", "label": "refund"}, _said(rows[4], ""), {**_said(rows[5], None), "status": "rejected"},
        {**_said(rows[6], None), "status": "skipped"},
    ]  # fmt: skip
    made = merge([_lines(tmp_path / "said.jsonl", given)], queue, tmp_path / "train.jsonl")
    assert (made.added, made.rejected, made.skipped, made.waiting, made.fit) == (1, 1, 1, 9, False)
    whys = [(each.id, each.why.split(":")[0]) for each in made.left]
    assert whys == [
        ("q1", "the text of the row has changed since it was asked"),
        ("q99", "its id is not in the queue"),
        ("q3", "it has no hash"),
    ]


def test_rows_of_an_earlier_queue_are_no_strangers(tmp_path: Path, rows: Any, queue: Path) -> None:
    file, train = _lines(tmp_path / "said.jsonl", [_said(row, "refund") for row in rows[:6]]), tmp_path / "train.jsonl"
    merge([file], queue, train)
    _queue(tmp_path, rows[6:])
    made = merge([file], queue, train)
    assert (made.again, made.fit, made.added) == (6, True, 0)


def test_unknown_labels_are_listed_and_may_be_admitted(tmp_path: Path, rows: Any, queue: Path) -> None:
    file = _lines(tmp_path / "said.jsonl", [_said(rows[0], "biling"), _said(rows[1], "weather")])
    with pytest.raises(InputError, match=r"2 labels that are not known: 'biling' .*did you mean 'billing'"):
        merge([file], queue, tmp_path / "train.jsonl")
    assert not (tmp_path / "train.jsonl").exists()
    assert merge([file], queue, tmp_path / "train.jsonl", new_labels=True).classes == {"biling": 1, "weather": 1}


def test_a_file_of_numbers_stays_one(tmp_path: Path, rows: Any, queue: Path) -> None:
    train = _lines(tmp_path / "train.jsonl", [{"text": f"old {at}", "label": at} for at in range(3)])
    merge([_lines(tmp_path / "said.jsonl", [_said(rows[0], "2")])], queue, train)
    assert _read(train)[3] == {"text": rows[0].text, "label": 2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,hash,label\nq0\n", "another number of cells"),
        ("id,label\nq0,refund\n", "no columns `id` and `hash`"),
        ("[1]", "entry 1 is no object"),
        ("", "there is no answer"),
        ('{"id": "q0", "hash": "x", "label": "a", "answer": "b"}\n', "2 answers"),
        ('{"id": "q0", "label": "refund"\n{}\n', "line 1"),
        ('{"id": "q99", "hash": "x", "label": "refund"}\n', "none of 1 answers"),
        ('{"id": "q0", "hash": "x", "status": "maybe"}\n', "status"),
        ('{"id": "q0", "hash": "HASH", "label": "refund"}\n{"id": "q1"', "line 2"),
        ('[{"data": {"id": "q0", "hash": "HASH"}, "annotations": [{"result": [{"value": {"choices": ["a", "b"]}}]}]}]',
         "2 answers of one annotator"),
        ('[{"id": "q0#HASH", "label.responses": ["a"], "label.responses.users": []}]', "1 responses of 0 users"),
        ('{"id": "q0", "hash": "HASH", "label": ["refund"]}\n', "is no text"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_answer_is_told(content: str, words: str, tmp_path: Path, rows: Any, queue: Path) -> None:
    file = tmp_path / "said.txt"
    file.write_text(content.replace("HASH", rows[0].hash))
    with pytest.raises(InputError) as told:
        merge([file], queue, tmp_path / "train.jsonl")
    assert words in told.value.what


def test_label_studio_both_ways(tmp_path: Path, rows: Any, queue: Path) -> None:
    tasks = json.loads(write_for("label-studio", rows, tmp_path, CLASSES)[0].read_text())
    for at, task in enumerate(tasks):
        result = [{**task["predictions"][0]["result"][0], "value": {"choices": ["refund"]}}]
        done = {
            "id": at,
            "completed_by": {"id": 1, "email": "mara@example.org"},
            "result": result,
            "was_cancelled": False,
        }
        task |= {"id": at + 500, "annotations": [done] if at else [{**done, "was_cancelled": True, "result": []}]}
    (tmp_path / "export.json").write_text(json.dumps(tasks[::-1]))
    made = merge([tmp_path / "export.json"], queue, tmp_path / "train.jsonl")
    assert (made.added, made.skipped, made.annotators[0].name) == (11, 1, "mara@example.org")
    small = [
        {**task["data"], "id": task["id"], "label": "refund", "annotator": 1, "annotation_id": 3} for task in tasks
    ]
    (tmp_path / "min.json").write_text(json.dumps(small))
    assert merge([tmp_path / "min.json"], queue, tmp_path / "other.jsonl").added == 12


def test_argilla_both_ways(tmp_path: Path, rows: Any, queue: Path) -> None:
    sent = _read(write_for("argilla", rows, tmp_path)[0])
    flat = [
        {"id": each["id"], "status": "completed", "_server_id": None, "text": each["text"],
         "label.responses": ["refund", "billing"], "label.responses.users": ["u1", "u2"],
         "label.responses.status": ["submitted", "discarded"]}
        for each in sent
    ]  # fmt: skip
    flat[0] = {"id": sent[0]["id"], "status": "pending", "_server_id": None, "label.suggestion": "refund"}
    (tmp_path / "flat.json").write_text(json.dumps(flat))
    made = merge([tmp_path / "flat.json"], queue, tmp_path / "train.jsonl")
    assert (made.added, made.waiting, made.classes) == (11, 1, {"refund": 11})
    nested = [
        {"id": each["id"], "fields": {"text": each["text"]}, "metadata": {}, "suggestions": {},
         "responses": {"label": [{"value": "billing", "user_id": "u1"}]}}
        for each in sent
    ]  # fmt: skip
    (tmp_path / "nested.json").write_text(json.dumps(nested))
    assert merge([tmp_path / "nested.json"], queue, tmp_path / "other.jsonl").classes == {"billing": 12}


def test_a_spreadsheet_both_ways(tmp_path: Path) -> None:
    rows = [_row(at, id=f"=q{at}") for at in range(3)]
    queue = _queue(tmp_path, rows)
    with write_for("csv", rows, tmp_path)[0].open(newline="") as file:
        table = list(csv.DictReader(file))
    with (tmp_path / "mara.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows({**line, "label": "refund"} for line in table)
    made = merge([tmp_path / "mara.csv"], queue, tmp_path / "train.jsonl")
    assert made.added == 3 and made.annotators[0].name == "mara"


def test_edited_answers_and_choices_become_their_rows(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "x"},
    ]
    rows = [
        _row(0, "text", row={"messages": turns}, draft={"answer": "x"}),
        _row(
            1, "preference", row={"prompt": "p", "chosen": "one", "rejected": "two"}, draft={"answers": ["one", "two"]}
        ),
    ]
    queue = _queue(tmp_path, rows)
    log = tmp_path / answers.FILE
    answers.append(log, Answer(rows[0].id, rows[0].hash, "text", "Hello!", "mara"))
    merge([log], queue, tmp_path / "chat.jsonl")
    assert _read(tmp_path / "chat.jsonl")[0]["messages"] == [*turns[:2], {"role": "assistant", "content": "Hello!"}]
    pairs = _lines(tmp_path / "pairs.jsonl", [_said(rows[1], "second")])
    merge([pairs], queue, tmp_path / "preference.jsonl")
    assert _read(tmp_path / "preference.jsonl") == [
        {"id": rows[1].hash, "prompt": "p", "chosen": "two", "rejected": "one"}
    ]
    for wrong in ("third", 2, True, -1):
        with pytest.raises(InputError, match="chooses none of its 2 drafts"):
            merge([_lines(pairs, [_said(rows[1], wrong)])], queue, tmp_path / "preference.jsonl")
    with pytest.raises(UsageError, match="fits no row with the columns"):
        merge([log], queue, tmp_path / "preference.jsonl")


def test_the_error_rate_reads_what_was_merged(tmp_path: Path) -> None:
    rows = [_row(at) for at in range(40)]
    queue = _queue(tmp_path, rows)
    given = [_said(row, CLASSES[(at + (at % 8 == 0)) % 3]) for at, row in enumerate(rows)]
    made = merge([_lines(tmp_path / "said.jsonl", given)], queue, tmp_path / "train.jsonl")
    assert production_error(queue, made.labels).rate == 0.5
    merge([_lines(tmp_path / "said.jsonl", [_said(rows[0], CLASSES[0])])], queue, tmp_path / "train.jsonl")
    assert production_error(queue, made.labels).rate == 0.4


def test_one_merge_at_a_time(tmp_path: Path, rows: Any, queue: Path) -> None:
    file, train = _lines(tmp_path / "said.jsonl", [_said(rows[0], "refund")]), tmp_path / "train.jsonl"
    with labels.held(labels.beside(train)), pytest.raises(UsageError, match="another merge is writing"):
        merge([file], queue, train)
    assert merge([file], queue, train).added == 1


def test_the_folder_of_a_queue_stands_for_its_log(tmp_path: Path, rows: Any, queue: Path) -> None:
    answers.append(tmp_path / answers.FILE, Answer(rows[0].id, rows[0].hash, "class", "refund", "mara"))
    assert main(["label", str(tmp_path), "--into", str(tmp_path / "train.jsonl")]) == 0
    assert _read(tmp_path / "train.jsonl")[0]["label"] == "refund"


def test_the_command(tmp_path: Path, rows: Any, queue: Path, capsys: Any) -> None:
    file = _lines(tmp_path / "mara.jsonl", [_said(row, CLASSES[at % 3]) for at, row in enumerate(rows)])
    assert main(["label", str(file), "--into", str(tmp_path / "train.jsonl"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 12
    other = _lines(tmp_path / "ben.jsonl", [_said(rows[0], "refund"), _said(_row(77), "refund")])
    assert main(["label", str(other), "--into", str(tmp_path / "train.jsonl")]) == 1
    out = capsys.readouterr().out
    assert "q77: its id is not in the queue" in out and "next: toolkit verify" in out
    assert main(["label", str(file)]) == 2
    assert main(["label", str(file), "--into", "x.csv"]) == 2
    assert main(["label", str(tmp_path / "none.jsonl"), "--into", "x.jsonl"]) == 2
    assert main(["label", str(file), "--into", "x.jsonl", "--accept", ".9"]) == 2
    assert capsys.readouterr().err.count("try:") == 4
