"""The command line as a new user meets it: two-line errors, exit codes, plain output, clean stops."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from toolkit.cli import main

GOOD = "".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": f"question {at}"},
                {"role": "assistant", "content": f"answer {at} {w}"},
            ]
        }
    )
    + "\n"
    for at, w in enumerate(["red", "green", "blue", "black", "white", "yellow", "brown", "grey"])
)
BAD = '{"messages": []}\n{"a": 1,}\n\n' + json.dumps({"messages": [{"role": "user", "content": "x"}]}) + "\n"


def _run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    said = capsys.readouterr()
    return code, said.out, said.err


def _two_lines(err: str) -> None:
    lines = err.strip().split("\n")
    assert len(lines) == 2, err
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("try: ")


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["verfy"], 2, "did you mean"),
        (["verify"], 2, "missing argument"),
        (["verify", "good.jsonl", "--chek", "x"], 2, "unknown option '--chek'"),
        (["verify", "none.jsonl"], 2, "does not exist"),
        (["verify", "folder"], 2, "folder"),
        (["verify", "no/hub-set"], 3, "Hub"),
        (["verify", "good.jsonl", "--format", "alpacca"], 2, "did you mean 'alpaca'"),
        (["verify", "good.jsonl", "--format", "alpaca"], 2, "no row of good.jsonl is alpaca"),
        (["verify", "good.jsonl", "--check", "near-dup"], 2, "did you mean 'near-duplicate'"),
        (["verify", "good.jsonl", "--set", "near-duplicate.treshold=1"], 2, "unknown option 'treshold'"),
        (["verify", "good.jsonl", "--set", "nonsense"], 2, "cannot be read"),
        (["verify", "good.jsonl", "--set", "near-duplicate.threshold=high"], 2, "cannot be 'high'"),
        (["verify", "good.jsonl", "--id", "key"], 2, "no such column"),
        (["verify", ""], 2, "no data was named"),
        (["verify", "good.jsonl", "--label", "intent"], 2, "no such column"),
        (["verify", "good.jsonl", "--policy", "none.yaml"], 2, "none.yaml"),
        (["verify", "good.jsonl", "--policy", "bad.yaml"], 2, "line 2: unknown key 'chekcs'"),
        (["verify", "good.jsonl", "--with", "none.py"], 2, "not a Python file"),
        (["verify", "good.jsonl", "--with", "half.py"], 2, "'half' of half.py has no reads, scope, version"),
        (["verify", "good.jsonl", "--precision", "fp8"], 2, "unknown precision"),
        (["verify", "good.jsonl", "--source-kind", "fake"], 2, "unknown source kind"),
        (["findings", "none"], 2, "not a run folder"),
        (["split", "none.jsonl"], 2, "does not exist"),
        (["export", "none"], 2, "not a run folder"),
        (["readiness", "none.jsonl"], 2, "does not exist"),
        (["readiness", "--check", "good.jsonl"], 2, "not a readiness report"),
        (["run", "none"], 2, "unknown pipeline 'none'"),
        (["parts", "near-dup"], 2, "unknown part"),
        (["generate", "none.yaml"], 2, "none.yaml"),
    ],
)
def test_mistakes_are_told_in_two_lines(argv: list[str], code: int, words: str, capsys: Any) -> None:
    Path("good.jsonl").write_text(GOOD)
    Path("folder").mkdir()
    Path("bad.yaml").write_text("version: 1\nchekcs: {}\n")
    Path("half.py").write_text(
        STUCK.replace("stuck", "half").split("    version")[0] + "    def run(self, view): ...\n"
    )
    got, out, err = _run(capsys, *argv)
    assert got == code, err
    _two_lines(err)
    assert words in err
    assert out == ""
    assert "Traceback" not in err


def test_an_unreadable_file_is_a_machine_error(capsys: Any) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    Path("secret.jsonl").write_text(GOOD)
    Path("secret.jsonl").chmod(0)
    code, _, err = _run(capsys, "verify", "secret.jsonl")
    assert code == 3
    _two_lines(err)


def test_verify_says_what_was_read_found_and_written(capsys: Any) -> None:
    Path("rows.jsonl").write_text(GOOD + BAD)
    code, out, err = _run(capsys, "verify", "rows.jsonl", "--no-embeddings")
    assert code == 1
    assert err == ""
    assert "rows.jsonl: 12 records, read as messages" in out
    assert "12 records = 8 kept + 4 quarantined" in out
    quarantine = [json.loads(line) for line in Path("runs/rows/quarantine.jsonl").read_text().splitlines()]
    assert [line["ref"] for line in quarantine] == ["line-9", "line-10", "line-11", "line-12"]
    assert all(line["reasons"] for line in quarantine)
    assert quarantine[1]["text"] == '{"a": 1,}'
    assert Path("runs/rows/kept.jsonl").read_text() == GOOD


def test_verify_as_json(capsys: Any) -> None:
    Path("rows.jsonl").write_text(GOOD)
    code, out, _ = _run(capsys, "verify", "rows.jsonl", "--no-embeddings", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["records"], found["kept"], found["level"]) == (8, 8, "ok")


def test_findings_are_lines_for_machines(capsys: Any) -> None:
    Path("rows.jsonl").write_text(GOOD + GOOD + BAD)
    _run(capsys, "verify", "rows.jsonl", "--no-embeddings")
    code, out, _ = _run(capsys, "findings", "rows", "--check", "exact-duplicate")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(lines) == 8
    assert lines[0] == {
        "id": "line-9",
        "row": lines[0]["row"],
        "check": "exact-duplicate",
        "kind": "exact",
        "score": 1.0,
        "flag": True,
        "message": "the same as an earlier row",
        "other": "line-1",
        "cluster": 0,
    }
    assert re.fullmatch(r"[0-9a-f]{16}-1", lines[0]["row"]), "the second copy of its content"
    code, out, _ = _run(capsys, "findings", "runs/rows", "--check", "S01", "--flagged")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["line-18", "line-19"]


def test_parts_lists_and_shows(capsys: Any) -> None:
    code, out, _ = _run(capsys, "parts")
    assert code == 0
    assert re.search(r"D02\s+near-duplicate", out)
    code, out, _ = _run(capsys, "parts", "near-duplicate")
    assert code == 0
    assert "Jaccard" in out
    assert re.search(r"threshold\s+float\s+0.7", out)
    assert json.loads(_run(capsys, "parts", "D02", "--json")[1])["id"] == "near-duplicate"
    assert "text-label" in _run(capsys, "parts", "formats")[1]


def test_readiness_split_export_and_gate(capsys: Any) -> None:
    rows = [{"id": f"t{at}", "text": f"{a} {b} {c} number {at}", "label": a} for at, (a, b, c) in enumerate(_words())]
    Path("tickets.csv").write_text("id,text,label\n" + "".join(f"{r['id']},{r['text']},{r['label']}\n" for r in rows))
    code, out, err = _run(capsys, "readiness", "tickets.csv", "--no-embeddings")
    assert code == 1, "label noise was not looked at, so it cannot tell"
    assert "CANNOT TELL" in out
    assert "readiness.html" in err
    code, _, err = _run(capsys, "export", "tickets")
    assert code == 1
    _two_lines(err)
    code, out, _ = _run(capsys, "export", "tickets", "--anyway")
    assert code == 0
    exported = [json.loads(line) for line in Path("runs/tickets/export-messages/train.jsonl").read_text().splitlines()]
    assert [turn["role"] for turn in exported[0]["messages"]] == ["user", "assistant"]
    manifest = json.loads(Path("runs/tickets/export-messages/export.json").read_text())
    assert manifest["verdict"] == "CANNOT TELL"
    assert (
        sum(file["rows"] for file in manifest["files"])
        == json.loads(Path("runs/tickets/readiness.json").read_text())["kept"]
    )
    code, _, err = _run(capsys, "export", "tickets", "--to", "nonsense", "--anyway")
    assert code == 2
    _two_lines(err)


def _words() -> list[tuple[str, str, str]]:
    kinds = ("refund", "track", "cancel", "change")
    nouns = ("order", "parcel", "ticket", "invoice", "voucher", "bottle", "lamp")
    times = ("today", "soon", "later", "never", "once", "again", "maybe", "twice", "please")
    return [(kind, noun, f"{when} {noun[::-1]} {kind[::-1]}") for kind in kinds for noun in nouns for when in times]


def test_a_changed_file_fails_the_gate(capsys: Any) -> None:
    test_readiness_split_export_and_gate(capsys)
    report = json.loads(Path("runs/tickets/readiness.json").read_text())
    report["verdict"], report["reasons"] = "READY", []
    Path("runs/tickets/readiness.json").write_text(json.dumps(report))
    code, _, err = _run(capsys, "readiness", "--check", "runs/tickets/readiness.json")
    assert code == 1, "the export was made under another report"
    for file in Path("runs/tickets/export-messages").iterdir():
        file.unlink()
    assert _run(capsys, "readiness", "--check", "runs/tickets/readiness.json")[0] == 0
    with Path("runs/tickets/train.jsonl").open("a") as file:
        file.write("\n")
    code, _, err = _run(capsys, "readiness", "--check", "runs/tickets/readiness.json")
    assert code == 1
    assert "train.jsonl has changed" in err
    _two_lines(err)


@pytest.mark.parametrize("content", ["", "\n\n", "<html></html>\n"], ids=["empty", "blank", "html"])
def test_nothing_to_read_ends_well(content: str, capsys: Any) -> None:
    Path("rows.jsonl").write_text(content)
    for verb in ("verify", "readiness"):
        code, _, err = _run(capsys, verb, "rows.jsonl", "--no-embeddings")
        assert code == 1, err
        assert "Traceback" not in err


def test_a_second_run_reuses_what_was_done(capsys: Any) -> None:
    Path("rows.jsonl").write_text(GOOD)
    _run(capsys, "verify", "rows.jsonl", "--no-embeddings")
    from toolkit.store.ledger import Ledger

    def runs() -> list[Any]:
        with Ledger(Path("runs/rows/ledger.duckdb"), read_only=True) as ledger:
            return ledger.rows('SELECT "check", seconds FROM runs WHERE scope = \'input\' ORDER BY "check"')

    before = runs()
    _run(capsys, "verify", "rows.jsonl", "--no-embeddings", "--set", "near-duplicate.threshold=0.9")
    after = runs()
    changed = [one["check"] for one, other in zip(before, after, strict=True) if one != other]
    assert changed == ["near-duplicate"]


def _command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "toolkit", *argv]


def test_without_a_network_the_hub_is_asked_once() -> None:
    online = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        _command("verify", "no/hub-set"), env=online, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3
    _two_lines(done.stderr)


def test_ctrl_c_stops_cleanly_and_the_next_run_finishes() -> None:
    rows = "".join(
        json.dumps({"text": f"row {at} " + "word " * 30, "label": str(at % 7)}) + "\n" for at in range(60_000)
    )
    Path("rows.jsonl").write_text(rows)
    process = subprocess.Popen(
        _command("verify", "rows.jsonl", "--no-embeddings"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 1, 130)
    assert "Traceback" not in err
    if process.returncode == 130:
        _two_lines(err)
    done = subprocess.run(
        _command("verify", "rows.jsonl", "--no-embeddings"), capture_output=True, text=True, check=False
    )
    assert "60,000 records" in done.stdout, done.stderr
    assert not list(Path("runs/rows").glob(".*.jsonl.*"))


STUCK = '''
from dataclasses import dataclass
from typing import ClassVar
import duckdb

@dataclass(frozen=True, slots=True)
class Stuck:
    """Asks DuckDB for what takes hours."""
    id: ClassVar[str] = "stuck"
    code: ClassVar[str] = "X01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("text",)

    def run(self, view):
        print("asked", flush=True)
        asked = "SELECT count(*) FROM range(400000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"
        duckdb.sql(asked).fetchall()
        yield from ()
'''


def test_ctrl_c_ends_a_query_that_does_not_heed_it() -> None:
    """DuckDB 2.0 waits for itself in about half the tries: then the process ends after a grace."""
    Path("stuck.py").write_text(STUCK)
    Path("rows.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    process = subprocess.Popen(
        _command("verify", "rows.jsonl", "--with", "stuck.py", "--check", "stuck"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    _two_lines(err)


@pytest.mark.parametrize("after", [0.8, 1.6, 2.4])
def test_a_killed_run_leaves_nothing_that_the_next_one_trips_over(after: float) -> None:
    rows = "".join(
        json.dumps({"text": f"row {at} " + "word " * 30, "label": str(at % 7)}) + "\n" for at in range(30_000)
    )
    Path("rows.jsonl").write_text(rows)
    process = subprocess.Popen(_command("verify", "rows.jsonl", "--no-embeddings"), stdout=subprocess.DEVNULL)
    time.sleep(after)
    process.kill()
    process.wait()
    done = subprocess.run(
        _command("verify", "rows.jsonl", "--no-embeddings"), capture_output=True, text=True, check=False
    )
    assert "30,000 records" in done.stdout, done.stderr
    left = [path.name for path in Path("runs/rows").iterdir() if re.fullmatch(r"\..+\.\d+", path.name)]
    assert left == []


def test_two_runs_in_one_folder_are_told_apart() -> None:
    from toolkit.store.folder import RunFolder

    Path("rows.jsonl").write_text(GOOD)
    with RunFolder(Path("runs/rows")).locked():
        done = subprocess.run(
            _command("verify", "rows.jsonl", "--no-embeddings"), capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    _two_lines(done.stderr)
    assert "another run is writing" in done.stderr


def test_a_full_disk_is_a_machine_error_and_nothing_half_written_stays() -> None:
    """A limit on file sizes stands in for a full disk; writing beyond it fails in the same places."""
    rows = "".join(json.dumps({"text": os.urandom(60).hex(), "label": str(at % 7)}) + "\n" for at in range(20_000))
    Path("rows.jsonl").write_text(rows)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    done = subprocess.run(
        _command("verify", "rows.jsonl", "--no-embeddings"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    assert done.returncode == 3, done.stderr
    _two_lines(done.stderr)
    assert not Path("runs/rows/dataset").exists()
    assert not Path("runs/rows/kept.jsonl").exists()
    again = subprocess.run(
        _command("verify", "rows.jsonl", "--no-embeddings"), capture_output=True, text=True, check=False
    )
    assert "20,000 records" in again.stdout, again.stderr


def test_a_closed_pipe_is_no_error() -> None:
    Path("rows.jsonl").write_text(GOOD * 2000)
    subprocess.run(_command("verify", "rows.jsonl", "--no-embeddings"), capture_output=True, check=False)
    done = subprocess.run(  # noqa: S602 - a pipe is what is tested
        f"{sys.executable} -m toolkit findings rows | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    "name", ["demo", "generate", "verify", "findings", "split", "readiness", "export", "run", "parts"]
)
def test_every_command_explains_itself(name: str, capsys: Any) -> None:
    code, out, _ = _run(capsys, name, "--help")
    assert code == 0
    assert f"toolkit {name}" in out
    options = re.findall(r"^  (--[\w-]+)[^\n]*$", out, re.MULTILINE)
    assert "--help" in out
    assert len(options) == len(set(options))
