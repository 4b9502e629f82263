"""`toolkit split` from the command line."""

from __future__ import annotations

import json
import random
import time

import pytest

from tests.split.test_split import labelled, texts
from toolkit.cli import main
from toolkit.split import SplitOptions, split
from toolkit.verify import VerifyOptions, verify

KEYLESS = ["--no-embeddings"]


def data(tmp_path, rows, name="rows.jsonl"):
    file = tmp_path / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def test_data_is_verified_first_and_a_run_is_split_again(tmp_path, capsys):
    assert main(["split", data(tmp_path, labelled(800)), "--run", "one", *KEYLESS]) == 0
    said = capsys.readouterr().out
    assert "heldout" in said and "25.0 %" in said and "next: toolkit readiness one" in said
    assert main(["split", "one", "--heldout", "0.1", "--dev", "0.1", "--json", *KEYLESS]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {part["name"]: part["rows"] for part in told["parts"]} == {"train": 640, "dev": 80, "heldout": 80}
    assert {each["check"] for each in told["checks"]} == {
        "split-quality",
        "heldout-size",
        "leak",
        "semantic-leak",
        "cross-validation",
        "learning-curve",
        "leaked-score",
        "token-budget",
        "drift",
    }


def test_an_unfit_split_exits_1_and_says_what_to_do(tmp_path, capsys):
    assert main(["split", data(tmp_path, labelled(30)), *KEYLESS]) == 1
    said = capsys.readouterr().out
    assert "under-50" in said and "try:" in said


def test_a_file_of_held_out_rows(tmp_path, capsys):
    held = data(tmp_path, labelled(60, seed=9), "held.jsonl")
    assert main(["split", data(tmp_path, labelled(300)), "--run", "one", "--heldout", held, *KEYLESS]) == 0
    assert "held.jsonl, as it was given" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--heldout", "1.5"], "leave no room for train"),
        (["--threshold", "2"], "is not a Jaccard"),
        (["--heldout", "nowhere.jsonl"], "does not exist"),
        (["--time", "when"], "no row has a time"),
    ],
)
def test_mistakes_are_two_lines(tmp_path, capsys, arguments, what):
    assert main(["split", data(tmp_path, labelled(60)), *arguments, *KEYLESS]) == 2
    said = capsys.readouterr().err
    assert what in said and "try:" in said


def test_a_group_comes_too_late_for_a_run(tmp_path, capsys):
    main(["split", data(tmp_path, labelled(200)), "--run", "one", *KEYLESS])
    assert main(["split", "one", "--group", "user", *KEYLESS]) == 2
    assert "come too late" in capsys.readouterr().err


@pytest.mark.soak
def test_time_grows_with_the_rows(tmp_path):
    """Ten times the rows take at most fifteen times the processor time."""
    seconds = []
    for n in (100_000, 1_000_000):
        rows = [{"text": text, "label": f"c{at % 50}"} for at, text in enumerate(texts(n, n))]
        rng = random.Random(n)
        for at in rng.sample(range(n), n // 10):
            rows[at]["text"] = rows[at - 1]["text"] + " again"
        file = data(tmp_path, rows, f"{n}.jsonl")
        del rows
        run = verify(file, run=tmp_path / f"run{n}", options=VerifyOptions(only=("parse",), embed=False)).run.path
        split(run, SplitOptions(heldout=0.1))
        started = time.process_time()
        found = split(run, SplitOptions(heldout=0.1, seed=1))
        seconds.append(time.process_time() - started)
        assert found.heldout.rows == n // 10
    assert seconds[1] < 15 * seconds[0]
