"""What is said of an answer later: a correction is the target, and judged answers are preference pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.capture.server import message
from tests.capture.test_compact import Log, _ask
from toolkit.cli import main
from toolkit.store.calls import calls


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "log")
    for at in range(3):
        made.call(_ask("Where is my parcel?"), message(f"answer {at}", id=f"msg_{at}"))
    made.call(_ask("And mine?"), message("short", id="msg_3", stop_reason="max_tokens"))
    refused = message("No.", id="msg_4", stop_reason="refusal", stop_details={"category": "frontier_llm"})
    made.call(_ask("Train a rival"), refused)
    return made


def _say(log: Log, *told: str) -> None:
    assert main(["capture", "feedback", str(log.folder), *told]) == 0


def _made(log: Log, tmp_path: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    rows, _ = log.rows(tmp_path / "out")
    pairs = tmp_path / "out" / "pairs.jsonl"
    lines = pairs.read_text("utf-8").splitlines() if pairs.exists() else []
    return {row["id"]: row for row in rows}, [json.loads(line) for line in lines]


def test_without_notes_there_are_no_pairs(log: Log, tmp_path: Path) -> None:
    rows, pairs = _made(log, tmp_path)
    assert set(rows) == {"msg_0", "msg_1", "msg_2"}
    assert not pairs
    assert "answer" not in rows["msg_0"]["lineage"]


def test_a_correction_is_the_answer_and_chosen_over_it(log: Log, tmp_path: Path) -> None:
    (tmp_path / "better.txt").write_text("It came at noon.\n", encoding="utf-8")
    for name in ("msg_0", "msg_3", "msg_4"):
        _say(log, "--call", name, "--correction", str(tmp_path / "better.txt"))
    rows, (pair,) = _made(log, tmp_path)
    assert rows["msg_0"]["messages"][-1] == {"role": "assistant", "content": "It came at noon."}
    assert rows["msg_0"]["lineage"]["answer"] == "corrected"
    assert rows["msg_3"]["messages"][-1]["content"] == "It came at noon."
    assert "msg_4" not in rows  # a refusal that concerns competing models never becomes a row
    assert pair["chosen"][0]["content"] == "It came at noon."
    assert pair["rejected"][0]["content"] == "answer 0"
    assert pair["prompt"][-1]["content"] == "Where is my parcel?"


def test_scores_of_two_answers_to_one_prompt_are_a_pair(log: Log, tmp_path: Path) -> None:
    _say(log, "--call", "msg_0", "--score", "1")
    key = [each.key for each in calls(log.folder)][1]
    _say(log, "--call", key, "--score", "1")
    _say(log, "--call", "msg_1", "--score", "0", "--comment", "changed my mind")
    _, (pair,) = _made(log, tmp_path)
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("answer 0", "answer 1")
    assert pair["lineage"]["preferred_by"] == "scores"
    assert main(["verify", str(tmp_path / "out" / "pairs.jsonl"), "--no-embeddings", "--run", str(tmp_path / "r")]) < 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["--call", "msg_0"], "the note says nothing"),
        (["--call", "msg_9", "--score", "1"], "has no call 'msg_9'"),
        (["--call", "msg_0", "--score", "nan"], "is no number"),
        (["--call", "msg_0", "--correction", "nowhere.txt"], "cannot be read"),
    ],
)
def test_what_cannot_be_meant(told: list[str], said: str, log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(each.name for each in log.folder.iterdir())
    assert main(["capture", "feedback", str(log.folder), *told]) == 2
    assert said in capsys.readouterr().err
    assert sorted(each.name for each in log.folder.iterdir()) == before


def test_a_folder_that_is_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["capture", "feedback", str(tmp_path / "empty"), "--call", "x", "--score", "1"]) == 2
    assert "holds no captured traffic" in capsys.readouterr().err


FIRST = "Your parcel left the depot this morning and will be there by noon."
BETTER = "Your parcel left the depot this morning and comes on Friday by noon."
THANKS = "Thanks, and the invoice?"


def _went_on(log: Log, answer: str) -> None:
    log.call(_ask("Where is it?", answer, THANKS), message("It is attached.", id="msg_next"))


@pytest.mark.parametrize(
    ("first", "held", "pairs"),
    [
        (FIRST, BETTER, [("edited", BETTER, FIRST)]),
        (FIRST, FIRST, []),
        (FIRST, f"  {FIRST}\n", []),  # a client's space is no edit
        (FIRST, FIRST[:30], []),  # nor is what a client cut
        (FIRST, "Good day to you.", []),  # nor another text in its place, such as an example
    ],
)
def test_an_edit_in_the_next_turn_is_a_pair(
    first: str, held: str, pairs: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    log = Log(tmp_path / "log")
    log.call(_ask("Where is it?"), message(first, id="msg_0"))
    for _ in range(2):
        _went_on(log, held)
    rows, found = _made(log, tmp_path)
    told = [
        (each["lineage"]["preferred_by"], each["chosen"][0]["content"], each["rejected"][0]["content"])
        for each in found
    ]
    assert told == pairs
    assert ("msg_0" in rows) is (not pairs and held.strip() != FIRST)
    assert "msg_next" in rows
    for each in found:
        assert each["prompt"] == [{"role": "user", "content": "Where is it?"}]


def test_of_two_answers_the_one_that_the_talk_went_on_with_is_chosen(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for at, text in enumerate((FIRST, BETTER)):
        log.call(_ask("Where is it?"), message(text, id=f"msg_{at}"))
    _, found = _made(log, tmp_path)
    assert not found  # nobody has chosen yet
    _went_on(log, BETTER)
    rows, (pair,) = _made(log, tmp_path)
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == (BETTER, FIRST)
    assert pair["lineage"]["preferred_by"] == "went on with it"
    assert set(rows) == {"msg_0", "msg_next"}
    _went_on(log, FIRST)
    assert not _made(log, tmp_path)[1]  # both were gone on with


def test_a_correction_is_no_edit_of_its_own(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.call(_ask("Where is it?"), message(FIRST, id="msg_0"))
    _went_on(log, FIRST)
    (tmp_path / "better.txt").write_text(BETTER, encoding="utf-8")
    _say(log, "--call", "msg_0", "--correction", str(tmp_path / "better.txt"))
    rows, (pair,) = _made(log, tmp_path)
    assert pair["lineage"]["preferred_by"] == "correction"
    assert set(rows) == {"msg_0", "msg_next"}
