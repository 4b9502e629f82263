"""A run folder: one data set, its ledger and what was made of it, with one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.core.errors import InputError, MachineError, UsageError

ROOT = Path("runs")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where the files of one run lie; every one of them can be opened without the toolkit."""

    path: Path

    @property
    def dataset(self) -> Path:
        return self.path / "dataset"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.duckdb"

    @property
    def kept(self) -> Path:
        return self.path / "kept.jsonl"

    @property
    def quarantine(self) -> Path:
        return self.path / "quarantine.jsonl"

    @property
    def split(self) -> Path:
        return self.path / "split.json"

    def part(self, name: str) -> Path:
        """The file of one part of the split: train, dev or heldout."""
        return self.path / f"{name}.jsonl"

    def reference(self, name: str) -> Path:
        return self.path / "references" / name

    @property
    def usage(self) -> Path:
        """The frozen sample of real use, where one was given."""
        return self.path / "usage"

    def readiness(self, suffix: str) -> Path:
        return self.path / f"readiness.{suffix}"

    def _sweep(self) -> None:
        """Remove the drafts of a run that was killed; the lock says that nobody is writing them."""
        for draft in self.path.glob(".*.*"):
            if not re.fullmatch(r"\.[\w.-]+\.\d+", draft.name):
                continue
            if draft.is_dir():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for writing. Raises UsageError when another process holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as failure:
            raise folder_error(self.path, failure) from failure
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sweep()
            yield
        except BlockingIOError as failure:
            what = f"another run is writing to {self.path}"
            raise UsageError(what, "wait for it, or name another folder for this run") from failure
        finally:
            os.close(handle)


def folder_error(path: Path, failure: OSError) -> MachineError:
    """The two lines for a folder that cannot be written."""
    if failure.errno == errno.ENOSPC:
        return MachineError(f"the disk of {path} is full", "free some space and run the same command again")
    return MachineError(f"{path} cannot be written: {failure.strerror}", "name another folder for the run")


def default_run(name: str) -> RunFolder:
    """The folder `runs/<name>` for a source: its stem, with what a path must not hold replaced."""
    stem = name.split("/")[-1] if not name.startswith("hf://") else name.rsplit("/", 1)[-1]
    while Path(stem).suffix in (".gz", ".zst", ".bz2", ".xz", ".jsonl", ".json", ".csv", ".tsv", ".parquet"):
        stem = Path(stem).stem
    return RunFolder(ROOT / (re.sub(r"[^\w.-]+", "-", stem).strip(".-") or "run"))


def open_run(path: str | Path) -> RunFolder:
    """An existing run by its path or by its name under `runs/`. Raises InputError when there is none."""
    for candidate in (Path(path), ROOT / str(path)):
        if (candidate / "ledger.duckdb").exists():
            return RunFolder(candidate)
    known = sorted(each.parent.name for each in ROOT.glob("*/ledger.duckdb"))
    hint = f"runs here: {', '.join(known[:10])}" if known else "run `toolkit verify FILE` first"
    raise InputError(f"{path} is not a run folder", hint)


def is_run(path: str | Path) -> bool:
    """Whether a path or name is a run folder."""
    return any((Path(candidate) / "ledger.duckdb").exists() for candidate in (path, ROOT / str(path)))


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file. Raises OSError where it cannot be opened."""
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
