"""The usual user: 800 support tickets in 18 classes from a CSV, and what the report honestly says of them."""

from __future__ import annotations

import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from toolkit.core.types import Finding, Level
from toolkit.read import ReadOptions
from toolkit.readiness import Readiness, gate, readiness
from toolkit.store import streams
from toolkit.store.ledger import Ledger, Run
from toolkit.verify import VerifyOptions, verify

CLASSES = 18
ROWS = 800


@pytest.fixture(scope="module")
def tickets(truth: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 real utterances of 18 intents, as a CSV with columns of the user's own naming."""
    with gzip.open(truth / "clinc150" / "data_full.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["label"] != "oos"]
    labels = sorted({row["label"] for row in rows})[:: 150 // CLASSES][:CLASSES]
    chosen = [row for row in rows if row["label"] in labels]
    random.Random(3).shuffle(chosen)
    path = tmp_path_factory.mktemp("usual") / "tickets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Subject", "Queue"])
        writer.writerows([row["text"], row["label"]] for row in chosen[:ROWS])
    return path


@pytest.fixture(scope="module")
def answer(tickets: Path) -> Readiness:
    run = tickets.parent / "run"
    return readiness(tickets, run=run, reading=ReadOptions(text="Subject", label="Queue"))


def test_the_counts_add_up(answer: Readiness) -> None:
    report = answer.report
    assert report.records == ROWS == report.kept + report.quarantined
    assert sum(part.rows for part in report.parts) <= report.kept
    assert len(report.classes) == CLASSES
    assert sum(line.rows for line in report.classes) == report.kept


def test_the_share_is_adapted_and_the_resolution_is_said(answer: Readiness) -> None:
    heldout = answer.report.heldout
    assert heldout is not None
    assert heldout.rows > 100, "a tenth of 800 rows would be four a class"
    assert heldout.smallest_gain is not None
    assert 6 < heldout.smallest_gain < 12
    assert any("share" in str(key) for key in answer.report.split)
    assert any("gain" in reason.title for reason in answer.report.reasons)


def test_classes_that_measure_nothing_are_not_reported_on(answer: Readiness) -> None:
    heldout = answer.report.heldout
    assert heldout is not None
    assert heldout.classes_reported == 0, "no class has thirty held-out rows"


def test_a_cross_validated_estimate_stands_beside(answer: Readiness) -> None:
    found = {number.name: number for number in answer.report.numbers}
    estimate = found["cross-validated accuracy"]
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < estimate.value < estimate.high
    assert estimate.value > 0.8


def test_label_noise_was_looked_at_with_a_probe_that_works(answer: Readiness) -> None:
    line = next(line for line in answer.report.checks if line.check == "label-noise")
    assert line.status == "ran"
    assert answer.verdict in ("READY", "READY WITH RISKS", "NOT READY")


def test_the_gate_holds_until_a_file_changes(answer: Readiness, tmp_path: Path) -> None:
    from toolkit.core.errors import NotFit
    from toolkit.readiness import check

    path = answer.run.readiness("json")
    assert check(path)["verdict"] == answer.verdict
    if answer.fit:
        assert gate(path)["parts"]
    train = answer.run.part("train")
    before = train.read_bytes()
    try:
        train.write_bytes(before + b"\n")
        with pytest.raises(NotFit, match="has changed"):
            check(path)
    finally:
        train.write_bytes(before)
    assert streams.sha256(train) == answer.report.parts[0].sha256


def test_the_same_input_gives_the_same_report(answer: Readiness, tickets: Path) -> None:
    again = readiness(tickets, run=tickets.parent / "again" / "run", reading=ReadOptions(text="Subject", label="Queue"))
    one, other = (json.loads(each.run.readiness("json").read_text()) for each in (answer, again))
    assert one.pop("created")
    assert other.pop("created")
    assert one == other


def test_no_leak_across_the_split(answer: Readiness, tickets: Path) -> None:
    line = next(line for line in answer.report.checks if line.check == "leak" and line.scope == "split")
    assert (line.status, line.flagged) == ("ran", 0)


def test_a_quarantined_row_is_no_reason_against_those_that_stay(tmp_path: Path) -> None:
    def row(arguments: Any) -> dict[str, Any]:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        turns = [{"role": "assistant", "content": None, "tool_calls": [call]}]
        turns += [{"role": "tool", "tool_call_id": "1", "content": "4"}, {"role": "assistant", "content": "It is 4."}]
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        return {"messages": [{"role": "user", "content": "How many?"}, *turns], "tools": tools}

    options = VerifyOptions(only=("arrow-round-trip", "tool-call"), embed=False)
    found = verify([row({"x": 1}), row(["no", "object"])], run=tmp_path / "run", options=options)
    line = found.decision.outcome("arrow-round-trip")
    assert found.decision.kept == 1
    assert line is not None and (line.total, line.flagged, line.level) == (1, 0, Level.OK)


def test_tools_of_other_keys_do_not_shut_the_door_that_mends_them(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [{"role": "user", "content": f"{name}?"}, {"role": "assistant", "content": "Yes."}],
            "tools": [{"type": "function", "function": {"name": name, "parameters": {"properties": {name: {}}}}}],
        }
        for name in ("a", "b")
    ]
    found = verify(rows, run=tmp_path / "run", options=VerifyOptions(only=("arrow-round-trip",), embed=False))
    line = found.decision.outcome("arrow-round-trip")
    assert line is not None and (line.flagged, line.level) == (2, Level.WARNING)


def test_what_an_older_version_found_elsewhere_is_gone(tmp_path: Path) -> None:
    options = VerifyOptions(only=("arrow-round-trip",), embed=False)
    rows = [{"text": "a", "label": "b"}]
    verify(rows, run=tmp_path / "run", options=options)
    with Ledger(tmp_path / "run" / "ledger.duckdb") as ledger:
        stale = Run("arrow-round-trip", "S06", "input", 2, "old", "{}", "ran", "", 1, 1, 0.0)
        ledger.write(stale, [Finding(0, 1.0, "no type", kind="no-arrow-type")])
    found = verify(rows, run=tmp_path / "run", options=options)
    assert [each.scope for each in found.decision.outcomes if each.check == "arrow-round-trip"] == ["kept"]


def test_a_run_that_replaces_the_run_of_another_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = VerifyOptions(only=("parse",), embed=False)
    for name in ("x", "y"):
        Path(name).mkdir()
        Path(name, "train.jsonl").write_text(f'{{"text": "{name}"}}\n')
    assert verify("x/train.jsonl", options=options).notes == ()
    Path("x/train.jsonl").write_text('{"text": "mended"}\n')
    assert verify("x/train.jsonl", options=options).notes == ()
    (note,) = verify("y/train.jsonl", options=options).notes
    assert note == "runs/train was the run of x/train.jsonl, which this one replaces; --run NAME keeps both"
    assert verify("y/train.jsonl", options=options).notes == ()
