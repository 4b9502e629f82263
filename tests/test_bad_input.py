"""Bad input of every kind through every command that looks at rows: two lines at worst, never a traceback.

The files of millions are `soak`; what is small runs always. Each row says what it is bad in.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.cli import main
from toolkit.core.errors import MachineError
from toolkit.runners.processes import mapped

DEEP = "[" * 200 + "]" * 200
TOO_DEEP = '{"text": ' + "[" * 5000 + "]" * 5000 + "}"


def _chat(question: Any, answer: Any = "an answer") -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


QUICK = tuple(f"--check={name}" for name in ("row-format", "roles", "empty-answer", "exact-duplicate", "secret"))
SMALL: dict[str, list[str]] = {
    "one class": [json.dumps({"text": f"row {at} of one class", "label": "only"}) for at in range(40)],
    "all identical": [_chat("same", "same")] * 300,
    "all empty": [_chat("", "")] * 50,
    "empty objects": ["{}"] * 50,
    "right to left": [_chat(f"שלום {at} مرحبا \u202eabc", f"تمام {at}") for at in range(20)],
    "emoji": [_chat(f"👨\u200d👩\u200d👧\u200d👦 {at} 🏳️\u200d🌈", "🙂" * at) for at in range(20)],
    "NUL and controls": [_chat(f"a\x00b\x1b[31m {at}", "\x00") for at in range(20)],
    "deep": [f'{{"text": "deep", "more": {DEEP}}}', TOO_DEEP],
    "keys": [json.dumps({f"key {at}": at for at in range(3000)}), json.dumps({"text": "a", "": "", " ": 1})],
    "types": [_chat(1, None), _chat([], {}), '{"messages": {}}', '{"messages": "x"}', '{"messages": [1]}'],
    "no objects": ["1", '"text"', "null", "[1, 2]", "true", "", "{", "NaN", "\\"],
    "long word": [_chat("a" * 200_000, "b" * 200_000), _chat("( " * 50_000, "<" * 50_000)],
    "numbers": ['{"text": "a", "n": 1e999}', '{"text": "a", "n": ' + "9" * 5000 + "}", '{"text": "b", "n": -0.0}'],
    "surrogates": ['{"text": "\\ud800"}', '{"text": "\\udc00\\ud800"}', '{"text": "ok \\ud83d\\ude00"}'],
}  # fmt: skip


def _run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    said = capsys.readouterr()
    assert "Traceback" not in said.err, said.err
    if code >= 2:
        lines = said.err.strip().splitlines()
        assert [line.split(":")[0] for line in lines[-2:]] == ["error", "try"], said.err
    return code, said.out, said.err


def _through(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """One file through verify, findings, SARIF, JUnit, why, fix and its undoing; returns what verify said."""
    targets = [f"--write={name}:out/{name}" for name in ("sarif", "junit", "csv", "jsonl")]
    code, out, _ = _run(capsys, "verify", str(path), "--no-embeddings", "--json", *targets, *more)
    if code >= 2:
        assert not Path("out/sarif").exists()
        return {}
    told: dict[str, Any] = json.loads(out)
    assert not [each for each in told["checks"] if each["status"] == "failed"], told["checks"]
    assert told["records"] == told["kept"] + told["quarantined"]
    ET.parse("out/junit")  # noqa: S314
    results = json.loads(Path("out/sarif").read_text())["runs"][0]["results"]
    run = told["run"]
    lines = [json.loads(line) for line in _run(capsys, "findings", run)[1].split("\n") if line]
    assert len([line for line in lines if line["flag"]]) >= len(results)
    for name in list(dict.fromkeys(line["id"] for line in lines if line["id"] is not None))[:3]:
        assert _run(capsys, "why", name, "--run", run)[0] in (0, 2)  # 2: several rows have that id
    if _run(capsys, "fix", str(path), "--out", "out/fixed")[0] == 0:
        assert _run(capsys, "fix", "out/fixed", "--undo", "--out", "out/back")[0] == 0
        assert Path("out/back").read_bytes() == path.read_bytes()
    assert _run(capsys, "redact", run, "--out", "out/redacted")[0] == 0
    return told


def test_bad_rows_of_every_kind_go_through_everything(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for what in sorted(SMALL) for row in SMALL[what]]
    Path("rows.jsonl").write_text("\n".join([*rows, _chat("a good row", "stays here")]) + "\n", encoding="utf-8")
    assert _through(Path("rows.jsonl"), capsys, "--skip", "contract")["records"] == len(rows) + 1


@pytest.mark.soak
@pytest.mark.parametrize("what", sorted(SMALL))
def test_bad_rows_go_through_everything(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("rows.jsonl")
    path.write_text("\n".join([*SMALL[what], _chat("a good row", "stays here")]) + "\n", encoding="utf-8")
    told = _through(path, capsys, "--skip", "contract")
    assert told["records"] == len(SMALL[what]) + 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n\n\n", b"\x00" * 1000, b"\xff\xfe" * 100, os.urandom(3000), b"\xef\xbb\xbf", b"[", b"[]", b"{}",
        b"<html>", b",,,\n,,\n",
    ],
    ids=["empty", "blank", "NUL", "UTF-16", "random", "BOM", "open", "array", "object", "html", "commas"],
)  # fmt: skip
def test_bad_files_go_through_everything(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_bytes(content)
    _through(Path("rows.jsonl"), capsys, *QUICK)


@pytest.mark.soak
def test_naughty_strings_are_only_text(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strings = json.loads((truth / "blns" / "blns.json").read_text(encoding="utf-8"))
    rows = [json.dumps({"id": text[:40], "text": text, "label": text}, ensure_ascii=False) for text in strings]
    Path("rows.jsonl").write_text("\n".join([*rows, *(_chat(text, text) for text in strings)]), encoding="utf-8")
    told = _through(Path("rows.jsonl"), capsys, "--skip", "contract")
    assert told["records"] == 2 * len(strings)


TORTURE = (
    "array_file.json", "bad_utf8_mid.jsonl", "bidi_zwj_emoji.jsonl", "big_int_float.jsonl", "bom.jsonl",
    "concatenated.json", "cr_only.jsonl", "crlf.jsonl", "csv_quotes.csv", "deep_nest.jsonl.gz", "dup_keys.jsonl",
    "empty.jsonl",
    "gz_truncated.jsonl.gz", "html_wrapped.jsonl", "latin1.jsonl", "lone_surrogate.jsonl", "nan_inf.jsonl",
    "no_final_newline.jsonl", "not_gzip.jsonl.gz", "nul_bytes.jsonl", "only_newlines.jsonl", "pretty.json",
    "same_id.jsonl", "u2028_in_string.jsonl", "utf16le_bom.jsonl",
)  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("name", TORTURE)
def test_torture_files_go_through_everything(name: str, truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _through(truth / "torture" / name, capsys, *QUICK)


RAISES = '''
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True, slots=True)
class Raises:
    """A check of a user's own that raises in the middle of the rows."""
    id: ClassVar[str] = "raises"
    code: ClassVar[str] = "X01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple] = ("text",)

    def {method}:
        raise {error}
        yield
'''


@pytest.mark.parametrize("method", ["look(self, batch, view)", "run(self, view)"])
@pytest.mark.parametrize(
    "error", ["ValueError('x' * 9999)", "RecursionError('deep')", "SystemExit(3)", "StopIteration"]
)
def test_a_check_that_raises_costs_itself_alone(method: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("raises.py").write_text(RAISES.format(method=method, error=error))
    Path("rows.jsonl").write_text(_chat("a", "") + "\n" + _chat("b", "good answer") + "\n")
    options = ("--check", "raises", "--check", "empty-answer", "--with", "raises.py", "--json")
    code, out, _ = _run(capsys, "verify", "rows.jsonl", *options)
    by_check = {each["check"]: each for each in json.loads(out)["checks"]}
    assert code == 1
    assert by_check["raises"]["status"] == "failed"
    assert 0 < len(by_check["raises"]["reason"]) < 400
    assert by_check["empty-answer"]["flagged"] == 1


def test_what_a_check_could_not_look_at_is_not_clean(capsys: pytest.CaptureFixture[str]) -> None:
    Path("raises.py").write_text(RAISES.format(method="run(self, view)", error="ValueError('x')"))
    Path("rows.jsonl").write_text(_chat("a", "one answer") + "\n" + _chat("b", "another answer") + "\n")
    assert _run(capsys, "verify", "rows.jsonl", "--check", "raises", "--with", "raises.py")[0] == 1
    again = ("--check", "raises", "--with", "raises.py", "--baseline", "runs/rows")
    assert _run(capsys, "verify", "rows.jsonl", *again)[0] == 1


def _command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "toolkit", *argv]


def _two_lines(done: subprocess.CompletedProcess[str], code: int) -> None:
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "try"], done.stderr


def _small_disk() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_ends_fix_in_two_lines_and_leaves_nothing() -> None:
    Path("rows.jsonl").write_text("".join(_chat(f"q {at}", "a" * 500 + " ") + "\n" for at in range(1000)))
    done = subprocess.run(
        _command("fix", "rows.jsonl", "--out", "out/fixed.jsonl"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_small_disk,
    )
    _two_lines(done, 3)
    assert not list(Path("out").iterdir())


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_folder_that_may_not_be_written_is_two_lines() -> None:
    Path("rows.jsonl").write_text(_chat("a", "b") + "\n")
    Path("runs/rows").mkdir(parents=True)
    Path("runs/rows").chmod(0o555)
    _two_lines(subprocess.run(_command("verify", "rows.jsonl"), capture_output=True, text=True, check=False), 3)


@pytest.mark.parametrize("folder", ["/proc/none/run", "rows.jsonl/run"])
def test_a_run_folder_that_cannot_be_is_two_lines(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_text(_chat("a", "b") + "\n")
    assert _run(capsys, "verify", "rows.jsonl", "--run", folder)[0] == 3
    assert _run(capsys, "fix", "rows.jsonl", "--out", folder)[0] == 3
    assert (
        _run(capsys, "verify", "rows.jsonl", "--no-embeddings", "--check", "parse", "--write", f"sarif:{folder}")[0]
        == 3
    )


def _lines(n: int, make: Callable[[int], str]) -> Iterator[str]:
    return (make(at) + "\n" for at in range(n))


def _timed(path: Path, *more: str) -> tuple[float, float, dict[str, Any]]:
    """CPU seconds and peak gigabytes of one verify in a process of its own."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        _command("verify", str(path), "--no-embeddings", "--json", *more), capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime
    return spent, ended.ru_maxrss / 1e6, json.loads(done.stdout)


@pytest.mark.soak
def test_a_million_identical_rows_are_linear() -> None:
    spent = []
    for n in (100_000, 1_000_000):
        path = Path(f"same-{n}.jsonl")
        path.write_text((_chat("the same question", "the same answer of some words") + "\n") * n)
        seconds, _, told = _timed(path)
        assert told["kept"] == 1
        assert not [each for each in told["checks"] if each["status"] == "failed"]
        spent.append(seconds)
    assert spent[1] < 12 * spent[0], spent


@pytest.mark.soak
@pytest.mark.parametrize(
    "what", ["a row of 64 MB", "a million keys", "one word of 64 MB", "one wide word of 64 MB", "base64 of 64 MB"]
)
def test_giant_rows_go_through(what: str) -> None:
    row = {
        "a row of 64 MB": lambda: _chat("question", "many words of an answer, " * 2_700_000),
        "a million keys": lambda: json.dumps({"text": "a", **{f"key {at}": at for at in range(1_000_000)}}),
        "one word of 64 MB": lambda: _chat("question", "x" * 64_000_000),
        "one wide word of 64 MB": lambda: _chat("question", "é" * 32_000_000),
        "base64 of 64 MB": lambda: _chat("question", base64.b64encode(os.urandom(48_000_000)).decode()),
    }[what]()
    path = Path("giant.jsonl")
    path.write_text("\n".join([row, _chat("a", "good answer")]) + "\n")
    seconds, gigabytes, told = _timed(path)
    assert not [each for each in told["checks"] if each["status"] == "failed"], told["checks"]
    assert seconds < 240
    assert gigabytes < 6


@pytest.mark.soak
def test_giant_torture_files_go_through(truth: Path) -> None:
    for name in ("huge_line_64mb.jsonl.gz", "many_keys.jsonl.gz", "million_short.jsonl.gz"):
        _, gigabytes, told = _timed(truth / "torture" / name, "--skip", "near-duplicate")
        assert not [each for each in told["checks"] if each["status"] == "failed"], name
        assert gigabytes < 6
        with gzip.open(truth / "torture" / name) as file:
            assert told["records"] == sum(1 for _ in file)


@pytest.mark.soak
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_stopped_in_the_middle_of_fix_leaves_nothing_and_the_next_run_finishes(end: int) -> None:
    Path("rows.jsonl").write_text("".join(_lines(60_000, lambda at: _chat(f"question {at}", "words " * 40))))
    process = subprocess.Popen(_command("fix", "rows.jsonl", "--out", "fixed.jsonl"), stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    process.send_signal(end)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert not Path("fixed.jsonl").exists()
    done = subprocess.run(
        _command("fix", "rows.jsonl", "--out", "fixed.jsonl"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "white-space" in done.stdout


def _alive(session: int) -> list[str]:
    """The processes of a session that have not ended (who is dead may wait to be buried)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            found.append(folder.name)
    return found


def _until(reached: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        time.sleep(0.1)
    return reached()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    ("end", "to", "after"),
    [
        pytest.param(signal.SIGTERM, os.kill, 0.5, id="asked to end"),
        pytest.param(signal.SIGINT, os.killpg, 0.5, id="Ctrl-C"),
        pytest.param(signal.SIGKILL, os.kill, 0.0, id="killed"),
        pytest.param(signal.SIGTERM, os.killpg, 2.0, id="all asked to end", marks=pytest.mark.soak),
        pytest.param(signal.SIGKILL, os.kill, 2.0, id="killed later", marks=pytest.mark.soak),
    ],
)
def test_a_verify_that_is_stopped_leaves_no_process_and_no_noise(end: int, to: Any, after: float) -> None:
    Path("rows.jsonl").write_text("".join(_lines(120_000, lambda at: _chat(f"question {at}", "words " * 40))))
    with Path("said").open("w") as said:
        process = subprocess.Popen(
            _command("verify", "rows.jsonl", "--no-embeddings"),
            stderr=said,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "TOOLKIT_CORES": "2"},
        )
    assert _until(lambda: len(_alive(process.pid)) > 4, 60), "no workers"
    time.sleep(after)
    to(process.pid, end)
    process.wait(timeout=60)
    gone = _until(lambda: not _alive(process.pid), 20)
    for left in _alive(process.pid):
        os.kill(int(left), signal.SIGKILL)
    assert gone
    lines = Path("said").read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == ([] if end == signal.SIGKILL else ["error", "try"])
    assert process.returncode == (-end if end == signal.SIGKILL else 130)


def _ends_its_process(piece: int) -> int:
    if piece == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return piece


def test_a_worker_that_the_machine_kills_is_an_error_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_CORES", "2")
    with pytest.raises(MachineError, match="was killed"):
        list(mapped(_ends_its_process, range(4)))
    assert list(mapped(abs, range(4))) == [0, 1, 2, 3]
