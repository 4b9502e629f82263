"""Labels by a model, over HTTP from a local server: nothing is accepted that people's answers do not carry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault_server import Faults, FaultServer, serving
from tests.label.test_merge import CLASSES, _lines, _queue, _read, _row, _said
from toolkit.cli import main

WRONG = 7
ROWS = [_row(at) for at in range(120)]
MODEL = "openai:small"


class Labels(FaultServer):
    """It names the class of a text rightly but for every 20th, and of two answers it likes the longer one."""

    def reply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        text = body["messages"][-1]["content"]
        if "ANSWER A" in text:
            one, other = text.split("ANSWER A\n")[1].split("\n\nANSWER B\n")
            self.faults.text = "A" if len(one) > len(other) else "B."
        else:
            at = int(text.split()[2])
            self.faults.text = "no idea" if at == WRONG else CLASSES[(at + (at % 20 == 0)) % 3].upper()
        return super().reply(path, body)


@contextmanager
def answering() -> Iterator[FaultServer]:
    with serving(Faults()) as server:
        server.__class__ = Labels
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (tmp_path / "prices.yaml").write_text(yaml.safe_dump({"version": 1, "models": {MODEL: {"input": 1, "output": 2}}}))
    monkeypatch.setenv("TOOLKIT_PRICES", str(tmp_path / "prices.yaml"))
    _queue(tmp_path, ROWS)
    return tmp_path


def _people(home: Path, rows: list[Any]) -> Path:
    return _lines(home / "people.jsonl", [_said(row, CLASSES[int(row.id[1:]) % 3], by="mara") for row in rows])


def _ask(*more: str) -> int:
    return main(["label", "queue.jsonl", "--by", MODEL, "--json", *more])


def test_nobody_can_tell_before_people_have_answered(home: Path, capsys: Any) -> None:
    people = _people(home, [row for row in ROWS if row.group == "hard"])
    with answering() as server:
        url = ("--base-url", f"{server.url}/v1")
        assert _ask(*url, "--answers", str(people), "--accept", "0.5", "--into", "train.jsonl") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["audit"] is None and told["verdict"].startswith("CANNOT TELL") and not Path("train.jsonl").exists()
    assert (told["rows"], told["answered"], told["unclear"], told["rest"]["rows"]) == (120, 119, 1, 90)


def test_only_the_lower_end_of_the_interval_is_accepted(home: Path, capsys: Any) -> None:
    _people(home, [row for row in ROWS if row.group == "audit"]).rename(home / "answers.jsonl")
    with answering() as server:
        url = ("--base-url", f"{server.url}/v1", "--budget", "1")
        assert _ask(*url) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["accepted"] is None and (told["audit"]["hits"], told["audit"]["rows"]) == (24, 30)
        assert 0.6 < told["audit"]["low"] < 0.7 and 0 < told["cost_usd"] < 0.1
        sent = server.served.statuses.total()
        assert _ask(*url, "--accept", "0.7", "--into", "train.jsonl") == 1
        assert not Path("train.jsonl").exists()
        assert _ask(*url, "--accept", "0.6", "--into", "train.jsonl") == 0
        assert server.served.statuses.total() == sent, "nothing is asked twice"
    rows = _read(home / "train.jsonl")
    assert len(rows) == 89, "neither what people answered nor what the model could not"
    assert all(row["label"] == CLASSES[int(row["id"][1:]) % 3] for row in rows)


def test_a_person_has_the_word_over_a_model(home: Path, capsys: Any) -> None:
    people = _people(home, [row for row in ROWS if row.group == "audit"])
    with answering() as server:
        url = ("--base-url", f"{server.url}/v1", "--answers", str(people))
        assert _ask(*url, "--accept", "0.6", "--into", "train.jsonl") == 0
    said = _lines(home / "later.jsonl", [_said(ROWS[1], "refund", by="ben")])
    assert main(["label", str(said), "--into", "train.jsonl"]) == 0
    assert "1 changed" in capsys.readouterr().out
    assert {row["id"]: row["label"] for row in _read(home / "train.jsonl")}["q1"] == "refund"


def test_a_budget_that_ends_accepts_nothing(home: Path, capsys: Any) -> None:
    _people(home, [row for row in ROWS if row.group == "audit"]).rename(home / "answers.jsonl")
    with answering() as server:
        url = ("--base-url", f"{server.url}/v1", "--accept", "0.01", "--into", "train.jsonl")
        assert _ask(*url, "--budget", "0.0045") == 1
    told = json.loads(capsys.readouterr().out)
    assert "budget is spent" in told["stopped"] and told["cost_usd"] <= 0.0045 and not Path("train.jsonl").exists()


def test_the_better_of_two_answers(home: Path, capsys: Any) -> None:
    drafts = {"answers": ["short", "a longer answer"]}
    rows = [
        _row(at, "preference", draft=drafts, row={"chosen": "short", "rejected": "a longer answer"}) for at in range(20)
    ]
    _queue(home, rows)
    people = _lines(home / "people.jsonl", [{"id": row.id, "hash": row.hash, "chosen": 1} for row in rows[:8]])
    with answering() as server:
        assert _ask("--base-url", f"{server.url}/v1", "--answers", str(people)) == 0
        first = {body["messages"][-1]["content"].split("ANSWER A\n")[1][:5] for body in server.served.bodies}
    assert first == {"short", "a lon"}, "half are shown the other way round"
    told = json.loads(capsys.readouterr().out)
    assert told["audit"]["rate"] == told["rest"]["rate"] == 1.0
    assert {each["value"] for each in _read(Path(told["path"]))} == {1}


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--by", "grammar"], 2, "no model that reads a prompt"),
        (["--by", "openai:other", "--budget", "1"], 2, "price of openai:other is not known"),
        (["--by", MODEL, "--accept", "0.9"], 2, "--into train.jsonl"),
        (["--by", MODEL, "--accept", "90", "--into", "x.jsonl"], 2, "--accept wants a share"),
        (["--by", MODEL, "--guideline", "absent.md"], 2, "absent.md cannot be read"),
        (["other.jsonl", "--by", MODEL], 2, "2 queues for one model"),
    ],
)
def test_what_cannot_be_meant(more: list[str], code: int, words: str, home: Path, capsys: Any) -> None:
    assert main(["label", "queue.jsonl", *more]) == code
    assert words in capsys.readouterr().err


def test_free_text_is_not_for_a_model(home: Path, capsys: Any) -> None:
    _queue(home, [_row(0, "text", draft={"answer": "x"})])
    assert _ask() == 2
    assert "asks for a class or a choice" in capsys.readouterr().err
