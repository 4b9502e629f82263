"""The verb: check the report, convert the parts of its split, and write nothing that the provider would reject."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.core.errors import NotFit, UsageError
from toolkit.export import files
from toolkit.export.convert import Block, Converted, LeftOut, Work
from toolkit.export.plain import Plain
from toolkit.export.plan import MADE, Ask, planned
from toolkit.outbound.example import SHAPES
from toolkit.outbound.rules import Broken, File
from toolkit.read import Progress
from toolkit.readiness import PASSES, check
from toolkit.runners.processes import mapped
from toolkit.split.result import MIX
from toolkit.store import streams
from toolkit.store.dataset import Dataset
from toolkit.store.folder import folder_error, open_run
from toolkit.write import whole_file

VERSION = 2
LARGE = 24 << 20
"""Bytes of all parts from which a second process pays."""
SHOWN = 3


@dataclass(frozen=True)
class Exported:
    """What was written: the folder, its files with their sizes and hashes, and the whole of export.json."""

    folder: Path
    files: list[dict[str, Any]]
    told: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Exported {self.folder}: {', '.join(str(file['name']) for file in self.files)}>"


def export(
    run: str | Path,
    to: str = "messages",
    *,
    out: str | Path | None = None,
    anyway: bool = False,
    ask: Ask | None = None,
    progress: Progress | None = None,
    **more: Any,
) -> Exported:
    """Write the parts of the split for a target (`toolkit parts targets`), a row format, or as they came (`same`).

    The run must have a readiness report whose files are unchanged and whose verdict passes; `anyway`
    lets a failing verdict through, and export.json records it. more: the fields of `Ask`. Raises NotFit for
    rows that the target cannot hold or its provider would reject, unless `leave_out`; UsageError.
    """
    ask = ask or Ask(to, **more)
    folder = open_run(run)
    report_path = folder.readiness("json")
    if not report_path.exists():
        raise UsageError(f"{folder.path} has no readiness report", f"run `toolkit readiness {folder.path}` first")
    target = Path(out) if out else folder.path / f"export-{ask.to}"
    for old in target.glob("export.json"):
        old.unlink()
    report = check(report_path)
    if report["verdict"] not in PASSES and not anyway:
        what = f"{folder.path.name} is {report['verdict']}"
        raise NotFit(what, f"read {folder.readiness('html')}, or export it --anyway")
    work = planned(ask, Dataset(folder.dataset).manifest)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        job = _Job(ask, work, folder.path, draft, progress)
        job.run(_parts(report, folder.path))
        told = job.finish(report, streams.sha256(report_path), target)
        _place(draft, target)
    except OSError as failure:
        raise folder_error(target, failure) from failure
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    with whole_file(target / "export.json") as file:
        file.write((json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())
    return Exported(target, told["files"], told)


def _parts(report: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The parts to export: with general rows mixed in, train is the mixed file, and `regression` stands beside it."""
    mix = report["extra"].get("mix")
    if mix is None:
        if (folder / MIX[0]).exists():
            what = f"general rows were mixed into {folder.name} after its readiness report"
            raise UsageError(what, f"run `toolkit readiness {folder}` again; a split without --mix takes them away")
        return list(report["parts"])
    mixed = {each["name"]: each for each in mix["files"] if each["rows"]}
    named = [mixed["train.mixed"] | {"name": "train"} if each["name"] == "train" else each for each in report["parts"]]
    return [*named, *(each for name, each in mixed.items() if name == "regression")]


def _place(draft: Path, target: Path) -> None:
    """Move every file of the draft to its place; others that lie there stay."""
    for path in sorted(draft.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(draft)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)


@dataclass
class _Numbered:
    """Converts a block and says again where it belongs; it travels to the workers."""

    work: Work | Plain

    def __call__(self, one: tuple[str, int, Block]) -> tuple[str, int, Converted]:
        part, shard, block = one
        return part, shard, self.work.block(block)


@dataclass
class _Job:
    """One export under way. sinks: by part and shard, in order."""

    ask: Ask
    work: Work | Plain
    run_folder: Path
    draft: Path
    progress: Progress | None
    sinks: dict[tuple[str, int], files.Sink] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    left: list[LeftOut] = field(default_factory=list)
    advice: list[LeftOut] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    done: int = 0

    @property
    def part(self) -> Any:
        return self.work.part if isinstance(self.work, Work) else None

    @property
    def store(self) -> str:
        return str(self.part.store) if self.part else "jsonl"

    def run(self, parts: list[dict[str, Any]]) -> None:
        """Convert every part."""
        self.names = _names([part["name"] for part in parts], self.part.names if self.part else {})
        size = sum((self.run_folder / part["file"]).stat().st_size for part in parts)
        for name, shard, found in mapped(_Numbered(self.work), self._blocks(parts), spread=size >= LARGE):
            self._take(self.sinks[name, shard], found)
        for sink in self.sinks.values():
            sink.close()

    def _blocks(self, parts: list[dict[str, Any]]) -> Iterator[tuple[str, int, Block]]:
        for part in parts:
            counts = files.shard_counts(part["rows"], self.ask.shards)
            name = self.names[part["name"]]
            for shard in range(len(counts)):
                path = files.file_name(self.store, name, shard, len(counts))
                self.sinks[name, shard] = files.Sink(self.draft, path, part["name"], self.store)
            for shard, block in files.blocks(self.run_folder / part["file"], part["name"], counts):
                yield name, shard, block

    def _take(self, sink: files.Sink, found: Converted) -> None:
        self.lost += found.lost
        self.left += found.left
        self.advice += found.advice
        self.keys |= found.keys
        self.forms |= found.forms
        self.done += found.rows + len(found.left)
        if len(self.forms) > 1:
            what = f"the rows have two forms as {self.ask.to} rows: {' and '.join(sorted(self.forms)[:2])}"
            raise NotFit(what, "export them apart, or make them one form first: toolkit export RUN --to messages")
        sink.write(found)
        if self.progress is not None:
            self.progress("export", self.done, 0)

    def finish(self, report: Mapping[str, Any], readiness: str, target: Path) -> dict[str, Any]:
        """Refuse, or write what stands beside the rows; the values of export.json."""
        if self.left and not self.ask.leave_out:
            raise self._refused(target)
        sinks = [sink for sink in self.sinks.values() if sink.rows]
        if not any(sink.part == "train" for sink in sinks):
            why = f": {_counted(self.left)}" if self.left else ""
            raise NotFit(f"no row is left to export to {self.ask.to}{why}", "read kept.jsonl of the run, mend the rows")
        told = [sink.told() for sink in sinks]
        warned = self._judged(told)
        mode = self.work.mode if isinstance(self.work, Work) else ""
        found = {
            "version": VERSION,
            "to": self.ask.to,
            "mode": mode,
            "options": dict(self.ask.options),
            "format": report["format"],
            "verdict": report["verdict"],
            "readiness": readiness,
            "profile": self._profile(),
            "lost": self._lost(report["format"]),
            "advice": {**dict(Counter(each.id for row in self.advice for each in row.broken)), **warned},
            "left_out": len(self.left),
            "files": told,
        }
        if mix := report["extra"].get("mix"):
            found["mixed_in"] = mix["rows_mixed_in"]
        return {**found, "beside": self._beside(found, sinks)}

    def _refused(self, target: Path) -> NotFit:
        listed = target / "refused.jsonl"
        with whole_file(listed) as file:
            file.write(_lines(self.left))
        what = f"{self.ask.to} cannot take {len(self.left):,} of {self.done:,} rows: {_counted(self.left)}"
        return NotFit(what, f"see {listed}; mend these rows, or export the others with --leave-out")

    def _judged(self, told: list[dict[str, Any]]) -> dict[str, str]:
        """Hold the files against the profile: what is advice; raises NotFit for what would be rejected."""
        watch = self.work.watch if isinstance(self.work, Work) else None
        if watch is None:
            return {}
        broken = list(watch.files([File(each["name"], each["part"], each["rows"], each["bytes"]) for each in told]))
        refused = [each for each in broken if each.refuse]
        if refused:
            words = "; ".join(f"{each.id}: {each.words}" for each in refused)
            raise NotFit(f"{watch.profile.name} would reject the files: {words}", _remedy(refused))
        return {each.id: each.words for each in broken}

    def _profile(self) -> dict[str, Any] | None:
        rules = self.work.profile if isinstance(self.work, Work) else None
        if rules is None:
            return None
        seen = [each.id for each in rules.rules if each.seen]
        told = {"id": rules.id, "version": rules.version, "checked": str(rules.checked)}
        return {**told, "rules": len(rules.rules), "seen_in_their_source": seen}

    def _lost(self, row_format: str) -> dict[str, int]:
        """What is lost and in how many rows, the commonest first."""
        shape = self.work.shape if isinstance(self.work, Work) else ""
        whole = MADE.get((SHAPES.get(row_format, ""), shape))
        rows = sum(sink.rows for sink in self.sinks.values())
        found = Counter({whole: rows}) + self.lost if whole else self.lost
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    def _beside(self, told: Mapping[str, Any], sinks: list[files.Sink]) -> list[dict[str, Any]]:
        texts: dict[str, str] = {}
        if self.part is not None:
            by_name = {self.names[sink.part]: 0 for sink in sinks}
            for sink in sinks:
                by_name[self.names[sink.part]] += sink.rows
            more = {"parts": list(by_name), "rows": by_name, "keys": sorted(self.keys), "rows_format": told["format"]}
            texts |= self.part.beside({**told, **more})
        if self.store == "arrow":
            for sink in sinks:
                sink.part = self.names[sink.part]
            texts |= files.saved_by_datasets(sinks, told["files"])
        if self.left:
            texts["left_out.jsonl"] = _lines(self.left).decode()
        return [self._written(name, text.encode()) for name, text in sorted(texts.items())]

    def _written(self, name: str, data: bytes) -> dict[str, Any]:
        path = self.draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _names(parts: list[str], called: Mapping[str, str]) -> dict[str, str]:
    """The parts by the names that a target gives them; a target that wants `valid` gets the held-out rows as it."""
    if "valid" in called.values() and "dev" not in parts:
        called = {**called, "heldout": "valid"}
    return {part: called.get(part, part) for part in parts}


def _lines(left: list[LeftOut]) -> bytes:
    rows = [
        {"part": row.part, "row": row.ref, "rules": {each.id: each.words for each in row.broken if each.refuse}}
        for row in left
    ]
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _counted(left: list[LeftOut]) -> str:
    """How many rows break each rule, with the first of them."""
    rules: dict[str, list[tuple[str, Broken]]] = {}
    for row in left:
        for each in row.broken:
            if each.refuse:
                rules.setdefault(each.id, []).append((row.ref, each))
    told = []
    for name, rows in sorted(rules.items(), key=lambda each: -len(each[1])):
        shown = ", ".join(ref[:40] for ref, _ in rows[:SHOWN]) + (", ..." if len(rows) > SHOWN else "")
        told.append(f"{len(rows):,} by {name} ({rows[0][1].words}; {shown})")
    return "; ".join(told)


def _remedy(refused: list[Broken]) -> str:
    names = {each.id for each in refused}
    if any("heldout" in name for name in names):
        return "hold out fewer rows: toolkit split RUN --heldout SHARE, then toolkit readiness RUN"
    if any("bytes" in name for name in names):
        return "export in several files: --shards N"
    return "collect or generate more rows, or choose another target: toolkit parts targets"
