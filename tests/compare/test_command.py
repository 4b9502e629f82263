"""`toolkit compare` from the command line: the same rows or a refusal, and what is printed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit import compare
from toolkit.cli import main

LABELS = ("login", "billing", "refund")
WORDS = (
    "invoice", "password", "parcel", "late", "broken", "card", "account", "address", "order", "return", "cancel",
    "phone", "email", "screen",
)  # fmt: skip


def held(n: int = 200) -> list[dict[str, Any]]:
    rng = random.Random(3)
    return [
        {"id": f"t{at}", "text": " ".join(rng.sample(WORDS, 6)) + f" case {at}", "label": rng.choice(LABELS)}
        for at in range(n)
    ]


def write(name: str, rows: list[dict[str, Any]]) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def predicted(name: str, right: float, seed: int = 0, **more: Any) -> str:
    rng = random.Random(seed)
    rows = [
        {"id": row["id"], "prediction": row["label"] if rng.random() < right else "nonsense", **more} for row in held()
    ]
    return write(name, rows)


@pytest.fixture
def labels() -> str:
    return write("held.jsonl", held())


def test_a_better_model_ships(labels: str, capsys: Any) -> None:
    one, other = predicted("one.jsonl", 0.6, cost_usd=0.005), predicted("other.jsonl", 0.95, 1, cost_usd=0.0004)
    files = ["--html", "c.html", "--markdown", "c.md"]
    assert main(["compare", one, other, "--heldout", labels, *files]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ship\n") and "Only ids were checked" in out and "-4.60 dollars for 1,000" in out
    assert "<script" not in Path("c.html").read_text() and Path("c.md").read_text().startswith("# ship")
    assert main(["compare", one, other, "--labels", labels, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "ship" and told["heldout"]["test"] == "McNemar, mid-p"
    assert told["heldout"]["gained"] - told["heldout"]["lost"] == round(200 * told["heldout"]["gain"]["gain"])
    assert {line["name"] for line in told["classes"]} == set(LABELS)
    assert told["shape"]["before"] > told["shape"]["after"], "nonsense is not a label"
    assert main(["compare", other, one, "--heldout", labels]) == 1
    assert capsys.readouterr().out.startswith("roll back\n")


def test_the_same_answers_are_kept_and_the_same_bytes_come_out(labels: str, capsys: Any) -> None:
    one = predicted("one.jsonl", 0.8)
    outs = []
    for _ in range(2):
        assert main(["compare", one, one, "--heldout", labels]) == 1
        outs.append(capsys.readouterr().out)
    assert outs[0] == outs[1] and outs[0].startswith("keep what you have\n")


def test_prepared_rows_are_checked_by_content(labels: str, capsys: Any) -> None:
    assert main(["compare", "--prepare", labels]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["id"] == "t0" and lines[0]["prompt"] == held()[0]["text"]
    answered = [line | {"prediction": row["label"]} for line, row in zip(lines, held(), strict=True)]
    one = write("one.jsonl", answered)
    found = compare(one, one, labels)
    assert found.main.checked == "content" and found.main.before.rate == 1.0 and not found.fit


def _drop(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[5:]


CHANGES: list[tuple[Callable[[list[dict[str, Any]]], list[dict[str, Any]]], str]] = [
    (_drop, "5 of 200 held-out rows have no prediction (t0, t1, t2, …)"),
    (lambda rows: [*rows, {"id": "t900", "prediction": "x"}], "1 predictions are of no row of held.jsonl (t900)"),
    (lambda rows: [*rows, rows[0]], "1 rows are predicted twice (t0)"),
    (lambda rows: [rows[0] | {"text": "another text"}, *rows[1:]], "1 predictions were made of another text"),
    (lambda rows: [{"prediction": "x"}, *rows[1:]], "line 1: it has no id"),
    (lambda rows: [rows[0] | {"row": "0123456789abcdef"}, *rows[1:]], "are of no row of held.jsonl"),
    (lambda rows: [rows[0] | {"score": 0.5}, *rows[1:]], "'score' is a number on 1 of 200 lines"),
    (lambda rows: [row | {"correct": 0.5} for row in rows], "only one of the two files has 'correct'"),
    (lambda rows: [], "200 of 200 held-out rows have no prediction"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_other_rows_are_refused_with_counts(change: Any, words: str, labels: str, capsys: Any) -> None:
    one = predicted("one.jsonl", 0.8)
    rows = [json.loads(line) for line in Path(one).read_text().splitlines()]
    assert main(["compare", one, write("other.jsonl", change(rows)), "--heldout", labels]) == 2
    said = capsys.readouterr().err
    assert words in said and said.startswith("error:") and said.count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "two files of predictions"),
        (["one.jsonl", "one.jsonl"], "--heldout"),
        (["one.jsonl", "nowhere.jsonl", "--heldout", "held.jsonl"], "nowhere.jsonl does not exist"),
        (["one.jsonl", "one.jsonl", "--heldout", "nowhere.jsonl"], "not a file of held-out rows"),
        (["one.jsonl", "broken.jsonl", "--heldout", "held.jsonl"], "broken.jsonl, line 2"),
        (["one.jsonl", "one.jsonl", "--heldout", "held.jsonl", "--aim", "cheaper"], "unknown aim"),
        (["one.jsonl", "one.jsonl", "--heldout", "held.jsonl", "--margin", "0"], "cannot be meant"),
        (["one.jsonl", "one.jsonl", "--heldout", "held.jsonl", "--regression-heldout", "x"], "add --regression"),
        (["one.jsonl", "one.jsonl", "--heldout", "single.jsonl"], "cannot be compared"),
        (["one.jsonl", "one.jsonl", "--heldout", "unlabelled.jsonl"], "have a label or an answer"),
        (["one.jsonl", "one.jsonl", "--heldout", "broken.jsonl"], "cannot be read as rows"),
    ],
)
def test_bad_input_is_two_lines(arguments: list[str], words: str, labels: str, capsys: Any) -> None:
    predicted("one.jsonl", 0.8)
    write("single.jsonl", held(1))
    write("unlabelled.jsonl", [{"id": row["id"], "text": row["text"]} for row in held()])
    Path("broken.jsonl").write_text('{"id": "t0", "text": "a", "label": "b"}\n{"id": \n')
    assert main(["compare", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 2


def test_scores_judged_elsewhere_and_near_duplicates_count_once(capsys: Any) -> None:
    rng = random.Random(1)
    rows = [{"id": f"a{at}", "prompt": " ".join(rng.sample(WORDS, 8)), "completion": "x"} for at in range(30)]
    copied = [
        row | {"id": f"{row['id']}-{copy}", "prompt": row["prompt"] + "!" * copy} for row in rows for copy in range(4)
    ]
    path = write("held.jsonl", copied)
    one = write("one.jsonl", [{"id": row["id"], "score": 0.5 + 0.1 * rng.random()} for row in copied])
    other = write("other.jsonl", [{"id": row["id"], "score": 0.7 + 0.1 * rng.random()} for row in copied])
    assert main(["compare", one, other, "--heldout", path, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["heldout"]
    assert told["judged"] == "score" and told["gain"]["n"] == 120 and told["gain"]["clusters"] == 30
    write("one.jsonl", [{"id": row["id"], "score": rng.randint(1, 3)} for row in copied])
    write("other.jsonl", [{"id": row["id"], "score": rng.randint(4, 9)} for row in copied])
    assert main(["compare", one, other, "--heldout", path]) == 2
    assert "--worth" in capsys.readouterr().err
    assert main(["compare", one, other, "--heldout", path, "--worth", "0.5", "--margin", "0.5"]) == 0


def test_forgetting_rolls_back(labels: str, capsys: Any) -> None:
    one, other = predicted("one.jsonl", 0.6), predicted("other.jsonl", 0.95, 1)
    good = write("good.jsonl", [{"id": at, "correct": at % 10 != 0} for at in range(400)])
    bad = write("bad.jsonl", [{"id": at, "correct": at % 3 != 0} for at in range(400)][::-1])
    assert main(["compare", one, other, "--heldout", labels, "--regression", good, bad]) == 1
    assert "it forgets" in capsys.readouterr().out
    assert main(["compare", one, other, "--heldout", labels, "--regression", good, good]) == 0
    short = write("short.jsonl", [{"id": at, "correct": True} for at in range(398)])
    assert main(["compare", one, other, "--heldout", labels, "--regression", good, short]) == 2
    assert "2 ids are only in good.jsonl (398, 399)" in capsys.readouterr().err


def test_a_cheaper_model_that_is_no_worse_ships(labels: str, capsys: Any) -> None:
    one = predicted("one.jsonl", 0.9, cost_usd=0.06)
    other = write(
        "other.jsonl", [json.loads(line) | {"cost_usd": 0.0004} for line in Path(one).read_text().splitlines()]
    )
    assert main(["compare", one, other, "--heldout", labels, "--aim", "no-worse"]) == 0
    assert "59.60 dollars less for 1,000 calls" in capsys.readouterr().out
    assert main(["compare", other, one, "--heldout", labels, "--aim", "no-worse"]) == 1
    assert "no cheaper" in capsys.readouterr().out


def test_hostile_names_do_nothing(capsys: Any) -> None:
    rows = [
        {"id": f"\u202e<b>{at}</b>", "text": f"row {at} {WORDS[at % 9]}", "label": f"|x{at % 2}\x1b[31m"}
        for at in range(40)
    ]
    path = write("held.jsonl", rows)
    one = write("one.jsonl", [{"id": row["id"], "prediction": row["label"]} for row in rows])
    other = write("other.jsonl", [{"id": row["id"], "prediction": "<img src=x>"} for row in rows])
    assert main(["compare", one, other, "--heldout", path, "--html", "c.html", "--markdown", "c.md"]) == 1
    assert "\x1b" not in capsys.readouterr().out
    page, text = Path("c.html").read_text(), Path("c.md").read_text()
    assert "<b>" not in page and "\u202e" not in page and "\u202e" not in text and "<b>" not in text
