"""The queue: what is asked, what is never asked, and what a user is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.core.errors import InputError, UsageError
from toolkit.read import ReadOptions, read
from toolkit.sample import Given, SampleOptions, production_error, read_queue, sample, write_for
from toolkit.sample.queue import content_hash
from toolkit.sample.rounds import Round, advice

TOPICS = ("billing invoice charge", "delivery parcel courier", "login password account", "refund money return")
WORDS = ("today", "please", "again", "urgent", "monday", "abroad", "twice", "late", "early", "broken", "missing", "new")


def _text(at: int) -> str:
    one, two, three = (WORDS[(at // step) % len(WORDS)] for step in (1, len(WORDS), len(WORDS) ** 2))
    return f"{TOPICS[at % 4]} {one} {at * 7919 % 100003} {two} {at * 104729 % 99991} {three}"


def _rows(start: int, n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"r{at}", "text": _text(at), **more} for at in range(start, start + n)]


def _labelled(start: int, n: int) -> list[dict[str, Any]]:
    return [{**row, "label": row["text"].split()[0]} for row in _rows(start, n)]


def _file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    pool = _file(tmp_path / "pool.jsonl", _rows(0, 300))
    train, held = (
        _file(tmp_path / "train.jsonl", _labelled(300, 60)),
        _file(tmp_path / "held.jsonl", _labelled(400, 60)),
    )
    return pool, train, held


def test_a_queue_has_its_groups_its_reasons_and_the_same_bytes_again(files: Any, encoder: Any) -> None:
    pool, train, held = files
    given = Given(pool, train, (held,))
    made = sample(given, 40, encode=encoder)
    assert len(made.rows) == 40 and [row.rank for row in made.rows] == list(range(1, 41))
    assert made.told["groups"]["audit"] == 4
    assert made.told["groups"].get("novel", 0) <= 10
    assert all(row.reason and row.hash == content_hash(row.text) and row.nearest for row in made.rows)
    assert all((row.probability is not None) == (row.group == "audit") for row in made.rows)
    before = made.path.read_bytes(), (made.folder / "queue.json").read_bytes()
    sample(given, 40, encode=encoder)
    assert (made.path.read_bytes(), (made.folder / "queue.json").read_bytes()) == before
    assert tuple(read_queue(made.path)) == made.rows


def test_held_out_and_labelled_rows_and_rows_near_them_are_never_asked(
    tmp_path: Path, files: Any, encoder: Any
) -> None:
    pool, train, held = files
    planted = [{"id": f"p{at}", "text": f"{_text(at).upper()} !"} for at in (305, 405)]
    _file(pool, [*_rows(0, 30), *planted])
    made = sample(Given(pool, train, (held,), options=SampleOptions(near=1.0)), 300, encode=encoder)
    assert not {row.id for row in made.rows} & {"p305", "p405"}
    assert made.told["left_out"]["labelled"] >= 1 and made.told["left_out"]["held_out"] >= 1


def test_duplicates_are_one_row_with_their_traffic(tmp_path: Path, encoder: Any) -> None:
    same = [
        {"id": f"s{at}", "text": "where is my parcel, I ordered it a week ago" + "!" * (at % 3)} for at in range(40)
    ]
    pool = _file(tmp_path / "pool.jsonl", [*same, *_rows(0, 20), {"id": "n", "text": "counted alone", "count": 9}])
    made = sample(Given(pool), 100, encode=encoder)
    by_id = {row.id: row for row in made.rows}
    assert by_id["s0"].n_similar == 40 and by_id["n"].n_similar == 9
    assert len([ref for ref in by_id if ref.startswith("s")]) == 1


def test_a_pool_that_is_the_training_set_leaves_nothing_to_ask(files: Any, encoder: Any) -> None:
    with pytest.raises(UsageError, match="is left to ask: 60 labelled"):
        sample(Given(files[1], files[1]), 10, encode=encoder)


def test_an_asked_row_is_not_asked_again(files: Any, encoder: Any, tmp_path: Path) -> None:
    first = sample(Given(*files[:2]), 30, out=tmp_path / "one", encode=encoder)
    second = sample(Given(*files[:2], asked=(first.path,)), 30, out=tmp_path / "two", encode=encoder)
    assert not {row.hash for row in first.rows} & {row.hash for row in second.rows}


def test_signals_make_hardness_without_labels(tmp_path: Path, encoder: Any) -> None:
    rows = _rows(0, 60)
    for at, row in enumerate(rows):
        row["confidence"] = 0.2 if at == 7 else 0.99
        row["thumbs"] = "down" if at == 11 else "up"
    made = sample(
        Given(_file(tmp_path / "pool.jsonl", rows), options=SampleOptions("margin", audit=0)), 2, encode=encoder
    )
    assert {row.id for row in made.rows} == {"r7", "r11"}
    assert made.told["hardness"] == ["confidence", "feedback"]
    assert any("not content" in row.reason for row in made.rows)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"probabilities": [0.5, 0.2]}, "sum to 1"),
        ({"probabilities": {"a": 0.5, "b": 0.3, "c": 0.2}}, "of 2 classes in some rows"),
        ({"confidence": 3}, "not within 0..1"),
        ({"logprobs": ["x"]}, "not a number"),
        ({"count": 0}, "no number of requests"),
    ],
)
def test_a_signal_that_cannot_be_is_an_error(row: Any, words: str, tmp_path: Path, encoder: Any) -> None:
    rows = [{"id": "a", "text": "one", "probabilities": [0.5, 0.5]}, {"id": "b", "text": "two", **row}]
    with pytest.raises(InputError) as said:
        sample(Given(_file(tmp_path / "pool.jsonl", rows)), 2, encode=encoder)
    assert words in said.value.what + said.value.fix


def test_what_cannot_be_meant_is_refused(files: Any, encoder: Any, tmp_path: Path) -> None:
    for options in (SampleOptions("hardest"), SampleOptions(audit=2), SampleOptions(goal="dev")):
        with pytest.raises(UsageError):
            sample(Given(files[0], options=options), 5, encode=encoder)
    with pytest.raises(UsageError, match="queue of 0 rows"):
        sample(Given(files[0]), 0, encode=encoder)
    with pytest.raises(UsageError, match="badge cannot choose"):
        sample(Given(files[0], options=SampleOptions("badge")), 5, encode=encoder)
    np.save(tmp_path / "short.npy", np.ones((3, 64), np.float16))
    with pytest.raises(InputError, match="300 records"):
        sample(Given(files[0], options=SampleOptions(vectors=str(tmp_path / "short.npy"))), 5, encode=encoder)


def test_vectors_of_a_file_are_used(files: Any, encoder: Any, tmp_path: Path) -> None:
    texts = [json.loads(line)["text"] for line in files[0].read_text().splitlines()]
    np.save(tmp_path / "pool.npy", encoder(texts).astype(np.float32))
    own = sample(Given(*files[:2]), 20, out=tmp_path / "own", encode=encoder)
    read = SampleOptions(vectors=str(tmp_path / "pool.npy"))
    given = sample(Given(*files[:2], options=read), 20, out=tmp_path / "given", encode=encoder)
    assert [row.id for row in own.rows] == [row.id for row in given.rows]


def test_a_held_out_draw_is_by_chance_alone(files: Any, encoder: Any) -> None:
    made = sample(Given(*files[:2], options=SampleOptions(goal="heldout")), 50, encode=encoder)
    assert {row.group for row in made.rows} == {"audit"} and len(made.rows) == 50
    assert all(row.probability for row in made.rows)


def test_new_topics_are_capped(tmp_path: Path, encoder: Any) -> None:
    odd = [{"id": f"o{at}", "text": f"zebra{at} quark{at * 3} llama{at * 7} comet{at * 11}"} for at in range(100)]
    pool = _file(tmp_path / "pool.jsonl", [*_rows(0, 200), *odd])
    given = Given(pool, _file(tmp_path / "train.jsonl", _labelled(300, 80)), options=SampleOptions(audit=0))
    made = sample(given, 40, encode=encoder)
    assert len(made.rows) == 40
    assert 0 < made.told["groups"]["novel"] <= 10
    assert all("new topic" in row.reason for row in made.rows if row.group == "novel")


def test_files_of_tools_hold_the_rows_and_hostile_text_is_inert(tmp_path: Path, encoder: Any) -> None:
    rows = [
        {"id": f"h{at}", "text": text} for at, text in enumerate(['=HYPERLINK("x")', "<script>alert(1)</script>", "@a"])
    ]
    made = sample(Given(_file(tmp_path / "pool.jsonl", rows)), 3, encode=encoder)
    for tool in ("label-studio", "argilla", "csv"):
        write_for(tool, made.rows, made.folder, ['a"><b', "c"])
    cells = list(csv.DictReader((made.folder / "queue.csv").read_text(encoding="utf-8").splitlines()))
    assert [cell["hash"] for cell in cells] == [row.hash for row in made.rows]
    assert all(cell["text"][0] in "'<" for cell in cells)
    tasks = json.loads((made.folder / "label-studio.json").read_text())
    assert [task["data"]["text"] for task in tasks] == [row.text for row in made.rows]
    scores = [task["predictions"][0]["score"] for task in tasks]
    assert scores == sorted(scores)
    from xml.etree import ElementTree

    assert len(ElementTree.fromstring((made.folder / "label-studio.xml").read_text()).findall(".//Choice")) == 2  # noqa: S314
    with pytest.raises(UsageError):
        write_for("excel", made.rows, made.folder)


def test_a_changed_text_of_a_queue_is_refused(files: Any, encoder: Any) -> None:
    made = sample(Given(files[0]), 3, encode=encoder)
    made.path.write_text(made.path.read_text().replace(made.rows[0].text, "another"))
    with pytest.raises(InputError, match="was changed"):
        list(read_queue(made.path))


def test_the_error_rate_comes_from_the_audit_rows_alone(files: Any, encoder: Any, tmp_path: Path) -> None:
    made = sample(Given(*files[:2], options=SampleOptions(audit=0.5)), 80, encode=encoder)
    answers = [
        {"id": row.id, "hash": row.hash, "label": (row.draft or {})["label"] if row.group == "audit" else "wrong"}
        for row in made.rows
    ]
    audit = [at for at, row in enumerate(made.rows) if row.group == "audit"]
    for at in audit[:10]:
        answers[at]["label"] = "wrong"
    found = production_error(made.path, _file(tmp_path / "answers.jsonl", answers))
    assert found.rows == 40 and found.rate == pytest.approx(0.25) and 0.12 < found.low < 0.25 < found.high < 0.42
    answers[audit[0]]["hash"] = "0" * 16
    with pytest.raises(InputError, match="another text"):
        production_error(made.path, _file(tmp_path / "answers.jsonl", answers))
    with pytest.raises(InputError, match="0 of 40 audit rows"):
        production_error(made.path, _file(tmp_path / "answers.jsonl", []))


def test_rounds_are_remembered_and_flat_ones_say_stop(files: Any, encoder: Any, tmp_path: Path) -> None:
    pool, train, held = files
    for size in (20, 40, 60):
        _file(train, _labelled(300, size))
        made = sample(Given(pool, train, (held,)), 10, encode=encoder)
    assert [each["labelled"] for each in made.told["rounds"]] == [20, 40, 60]
    again = sample(Given(pool, train, (held,)), 10, encode=encoder)
    assert again.told["rounds"] == made.told["rounds"]


def test_stop_advice_looks_at_paired_gains() -> None:
    flat = [Round(at, str(at), "h", "10" * 100) for at in range(3)]
    rising = [Round(at, str(at), "h", "1" * (60 + 40 * at) + "0" * (140 - 40 * at)) for at in range(3)]
    assert advice(flat).startswith("stop")
    assert advice(rising).startswith("go on")
    assert "three rounds" in advice(flat[:2])
    assert "no stop advice" in advice([Round(1, "x")])
    assert "too few" in advice([Round(1, "x", "h", "101")])


def test_rows_in_columns_of_their_own_are_not_asked_again(tmp_path: Path, encoder: Any) -> None:
    """A run writes rows in the columns that they came in, and `train.jsonl` of it says nothing of what those are."""
    rows = [{"Anliegen": row["text"], "Queue": row["text"].split()[0]} for row in _rows(0, 200)]
    pool, held = _file(tmp_path / "pool.jsonl", rows), _file(tmp_path / "held.jsonl", rows[60:90])
    run = tmp_path / "run"
    read(_file(tmp_path / "own.jsonl", rows[:60]), run / "dataset", ReadOptions(text="Anliegen", label="Queue"))
    train = _file(run / "train.jsonl", rows[:60])
    made = sample(Given(pool, train, (held,), (), ReadOptions(text="Anliegen")), 20, encode=encoder)
    known = {row["Anliegen"] for row in rows[:90]}
    assert len(made.rows) == 20 and not known & {row.text for row in made.rows}
    assert made.told["classes"] == sorted({row["Queue"] for row in rows[:60]})


def test_rows_without_a_text_are_no_rows_that_were_asked(files: Any, tmp_path: Path, encoder: Any) -> None:
    held = _file(tmp_path / "own.jsonl", [{"Anliegen": "where is my parcel", "Queue": "delivery"}])
    with pytest.raises(InputError, match=r"no row of own\.jsonl has a text") as said:
        sample(Given(files[0], None, (held,)), 20, encode=encoder)
    assert "--text" in said.value.fix and "Anliegen, Queue" in said.value.fix
