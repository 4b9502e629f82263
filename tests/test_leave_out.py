"""`verify --leave-out`: rows that were for review leave, and later commands know it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.cli import main

QUESTIONS = [f"How long does the ferry to island {nth} take in a calm sea?" for nth in range(40)]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    with file.open("w") as out:
        for nth, question in enumerate(QUESTIONS):
            answer = f"{nth + 3} hours and {nth} minutes by the slow boat, and half of that by the fast one."
            answer = "I'm sorry, but I can't help with that." if nth % 10 == 4 else answer
            out.write(json.dumps({"prompt": question, "completion": answer}) + "\n")
    return file


def test_flagged_rows_leave_with_their_reason_and_readiness_keeps_to_it(rows: Path, capsys: Any) -> None:
    main(["verify", str(rows), "--run", "runs/a", "--no-embeddings"])
    assert len(Path("runs/a/kept.jsonl").read_text().splitlines()) == 40
    main(["verify", str(rows), "--run", "runs/a", "--no-embeddings", "--leave-out", "Q01"])
    kept = Path("runs/a/kept.jsonl").read_text()
    assert len(kept.splitlines()) == 36 and "I'm sorry" not in kept
    gone = [json.loads(line) for line in Path("runs/a/quarantine.jsonl").read_text().splitlines()]
    assert len(gone) == 4 and all("refusal" in json.dumps(each) for each in gone)
    capsys.readouterr()
    main(["readiness", "runs/a", "--json"])
    assert json.loads(capsys.readouterr().out)["kept"] == 36


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["--leave-out", "refusals"], "did you mean 'refusal'"),
        (["--leave-out", "balance"], "looks at the rows that stay"),
        (["--leave-out", "refusal", "--skip", "refusal"], "is not run"),
    ],
)
def test_what_cannot_leave_is_told(told: list[str], said: str, rows: Path, capsys: Any) -> None:
    assert main(["verify", str(rows), "--no-embeddings", *told]) == 2
    assert said in capsys.readouterr().err
