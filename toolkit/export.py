"""The one door out: the split of a judged data set as files for a trainer, bound to its report by hash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.core import parts
from toolkit.core.errors import NotFit, UsageError, unknown
from toolkit.core.jsontext import Value, parse, written
from toolkit.core.types import Parsed, Turn
from toolkit.readiness import PASSES, check
from toolkit.store import streams
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, open_run
from toolkit.write import whole_file

VERSION = 1
SAME = "same"
LOSES = {
    ("preference", "messages"): "the rejected answers",
    ("unpaired-preference", "messages"): "whether an answer is wanted",
    ("text", "messages"): "nothing, but a document has no question and answer",
}


@dataclass(frozen=True)
class Exported:
    """What was written: the folder, its files with their sizes and hashes."""

    folder: Path
    files: list[dict[str, Any]]

    def __repr__(self) -> str:
        return f"<Exported {self.folder}: {', '.join(str(file['name']) for file in self.files)}>"


def export(run: str | Path, to: str = "messages", *, out: str | Path | None = None, anyway: bool = False) -> Exported:
    """Write the parts of the split as `messages` JSONL or, with `same`, in the format they came in.

    The run must have a readiness report whose files are unchanged and whose verdict passes; `anyway`
    lets a failing verdict through, and export.json records it. Raises NotFit, UsageError.
    """
    folder = open_run(run)
    report_path = folder.readiness("json")
    if not report_path.exists():
        raise UsageError(f"{folder.path} has no readiness report", f"run `toolkit readiness {folder.path}` first")
    target = Path(out) if out else folder.path / f"export-{to}"
    for old in target.glob("export.json"):
        old.unlink()
    report = check(report_path)
    if report["verdict"] not in PASSES and not anyway:
        what = f"{folder.path.name} is {report['verdict']}"
        raise NotFit(what, f"read {folder.readiness('html')}, or export it --anyway")
    _fits(report["format"], to)
    writer = _writer(folder, to)
    files = [_export(folder.path / part["file"], target / part["file"], writer) for part in report["parts"]]
    manifest = {
        "version": VERSION,
        "to": to,
        "format": report["format"],
        "verdict": report["verdict"],
        "readiness": streams.sha256(report_path),
        "files": files,
    }
    with whole_file(target / "export.json") as file:
        file.write((json.dumps(manifest, indent=1) + "\n").encode())
    return Exported(target, files)


def _fits(row_format: str, to: str) -> None:
    known = (SAME, *parts.parts("formats"))
    if to not in known:
        raise unknown("export", to, known)
    lost = LOSES.get((row_format, to))
    if lost:
        raise UsageError(f"{row_format} rows as {to} would lose {lost}", f"export them --to {SAME}")


def _export(source: Path, target: Path, writer: Any) -> dict[str, Any]:
    rows = 0
    with whole_file(target) as file:
        for line in _lines(source):
            file.write(writer(line) + b"\n")
            rows += 1
    return {"name": target.name, "rows": rows, "bytes": target.stat().st_size, "sha256": streams.sha256(target)}


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def _writer(folder: RunFolder, to: str) -> Any:
    """A function from a row's JSON to its JSON in the target format."""
    manifest = Dataset(folder.dataset).manifest
    if to in (SAME, manifest.format):
        return lambda line: line
    columns = {name: manifest.options[name] for name in ("text", "label") if manifest.options.get(name)}
    source = parts.build("formats", manifest.format, columns)
    target = parts.build("formats", to)

    def write(line: bytes) -> bytes:
        return written(target.write(_as_chat(source.parse(_row(line)), to)))

    return write


def _row(line: bytes) -> dict[str, Any]:
    """A row of the split, its numbers to the digit."""
    found = parse(line)
    if not isinstance(found, Value):
        raise NotFit(f"a row of the split does not parse: {found.reason}", "split the run again")
    row: dict[str, Any] = found.value
    return row


def _as_chat(parsed: Parsed, to: str) -> Parsed:
    """A classification row as a conversation: the label is the answer."""
    if to in ("text-label", "unpaired-preference") or parsed.label is None:
        return parsed
    if any(turn.role == "assistant" for turn in parsed.turns):
        return parsed._replace(label=None)
    return parsed._replace(turns=[*parsed.turns, Turn("assistant", parsed.label)], label=None)
