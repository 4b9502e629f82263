"""The loop as a pipeline: from captured traffic to a queue, answers, training rows, a verdict, and the next queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.capture.server import Piece, Request, Upstream, reply
from tests.sample.test_queue import TOPICS, _file, _labelled, _text
from toolkit.capture.transport import record
from toolkit.cli import main
from toolkit.core.errors import UsageError
from toolkit.label import answers
from toolkit.label.answers import Answer
from toolkit.pipeline import run
from toolkit.sample import read_queue

RUN = Path("runs/active_learning")
QUEUE = RUN / "queue" / "queue.jsonl"


@pytest.fixture(autouse=True)
def _files() -> None:
    """Traffic of a model that names the topic of a question, some labelled rows, and a held-out set."""
    _file(Path("heldout.jsonl"), _labelled(800, 60))
    _file(Path("train.jsonl"), [row for row in _labelled(300, 80) if row["label"] != "refund" or row["id"] < "r308"])
    _captured(0, 60)


def _captured(start: int, n: int) -> None:
    def answer(request: Request) -> list[Piece]:
        text = request.json()["messages"][0]["content"]
        choice = {"index": 0, "message": {"role": "assistant", "content": text.split()[0]}, "finish_reason": "stop"}
        told = {"id": text, "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return [reply(json.dumps(told).encode())]

    with Upstream(answer) as upstream:
        http = openai.DefaultHttpxClient(transport=record(Path("capture")))
        with openai.OpenAI(api_key="none", base_url=f"{upstream.url}/v1", http_client=http) as model:
            for at in range(start, start + n):
                model.chat.completions.create(model="m", messages=[{"role": "user", "content": _text(at)}])


def _answer(*, but: int = 0) -> int:
    rows = list(read_queue(QUEUE))
    for row in rows[but:]:
        label = next(each.split()[0] for each in TOPICS if row.text.startswith(each.split()[0]))
        answers.append(QUEUE.parent / answers.FILE, Answer(row.id, row.hash, "class", label, "mara", answers.now()))
    return len(rows) - but


def test_the_loop_waits_for_people_and_goes_on(capsys: Any) -> None:
    before = len(Path("train.jsonl").read_text().splitlines())
    assert main(["run", "active_learning"]) == 1
    told = capsys.readouterr()
    assert "wait for an answer" in told.err and "--serve" in told.err and "sample" in told.out
    assert {row.draft["label"] == row.text.split()[0] for row in read_queue(QUEUE) if row.draft} == {True}
    n = _answer(but=3)
    assert main(["run", "active_learning"]) == 1
    assert f"error: 3 of {n + 3} rows" in capsys.readouterr().err
    n = _answer()
    assert main(["run", "active_learning"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["capture", "sample", "label", "verify", "split", "readiness"]
    assert ["as it was" in line for line in lines] == [True, True, False, False, False, False]
    assert len(Path("train.jsonl").read_text().splitlines()) == before + n
    report = json.loads((RUN / "readiness.json").read_text())
    assert report["records"] == before + n and report["heldout"]["rows"] == 60
    assert "the next round should seek" in lines[-1] or "no class lacks rows" in lines[-1]
    first = {row.hash for row in read_queue(QUEUE)}
    _captured(60, 40)
    assert main(["run", "active_learning"]) == 1
    told = capsys.readouterr()
    assert "no stop advice yet: it takes three rounds" in told.out and "wait for an answer" in told.err
    assert not first & {row.hash for row in read_queue(QUEUE)}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("verb: sample", "lacks 'data'"),
        ("verb: sample\n    options: {data: heldout.jsonl, trian: x}", "unknown option 'trian'"),
        ("verb: label", "lacks 'into'"),
        ("verb: label\n    options: {into: x.jsonl, leats: 1}", "unknown option 'leats'"),
    ],
)
def test_what_a_step_cannot_mean(step: str, words: str) -> None:
    Path("own.yaml").write_text(f"version: 1\nname: own\nsteps:\n  - {step}\n")
    with pytest.raises(UsageError) as told:
        run("own.yaml")
    assert words in told.value.what
