"""What rounds of labelling have decided, beside the training file: append-only JSON lines, one a decision.

`train.jsonl` has `train.labels.jsonl`. The last line of a row (its id and the hash of its text) counts.

| key | what it is |
|---|---|
| `round` | which merge decided, from 1 |
| `id`, `hash`, `kind`, `group`, `text` | the row, as its queue had it |
| `status` | `answered`, `rejected`, `disputed` or `withdrawn` |
| `value` | the label, the text, or the place of the chosen draft; null unless answered. A label stands as `label` too |
| `said` | the last word of each annotator: a value, or null where the row was rejected |
| `agreement` | the share of those who answered that said the value |
| `quality` | how sure the consensus is, 0..1; null where one person answered, or the kind has no classes |
| `row` | the record that stands in the training file |
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError, UsageError
from toolkit.core.jsontext import Malformed, parse, written
from toolkit.store.folder import folder_error

SUFFIX = ".labels.jsonl"
Key = tuple[str, str]
Value = str | int


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision; the module's table says what each field is."""

    round: int
    id: str
    hash: str
    kind: str
    group: str
    text: str
    status: str
    value: Value | None
    said: Mapping[str, Value | None]
    agreement: float | None
    quality: float | None
    row: Mapping[str, Any] | None

    @property
    def key(self) -> Key:
        return self.id, self.hash


def beside(into: Path) -> Path:
    """The file of decisions of a training file."""
    return into.with_name(into.name.removesuffix(".jsonl") + SUFFIX)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the file for one writer. Raises UsageError where another has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as failure:
        raise folder_error(path.parent, failure) from failure
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            if not os.fstat(file).st_size:  # nothing was decided, so there is nothing to keep
                path.unlink(missing_ok=True)
    except BlockingIOError as failure:
        raise UsageError(f"another merge is writing to {path}", "wait for it and run the command again") from failure
    finally:
        os.close(file)


def read(path: Path) -> list[Decided]:
    """Every decision in its order; half a line at the end does not count.

    Raises InputError where the file cannot be read or a line before the end is none.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}", "`toolkit label` writes it") from failure
    return [_decided(line, f"{path.name}, line {at}") for at, line in enumerate(lines[:-1], 1) if line.strip()]


def current(decisions: Iterable[Decided]) -> dict[Key, Decided]:
    """The last decision of each row."""
    return {each.key: each for each in decisions}


def append(path: Path, decisions: Iterable[Decided]) -> None:
    """Add decisions; they are on the disk when this returns. Half a line that a crash left is cut off first."""
    lines = b"".join(_line(each) for each in decisions)
    try:
        with path.open("r+b") as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)
            file.seek(whole)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as failure:
        raise folder_error(path.parent, failure) from failure


def is_labels(path: Path) -> bool:
    """Whether a file is one of decisions, by its name."""
    return path.name.endswith(SUFFIX)


def _line(each: Decided) -> bytes:
    label = {"label": each.value} if each.kind == "class" and each.value is not None else {}
    return written({**asdict(each), **label}) + b"\n"


def _decided(line: bytes, where: str) -> Decided:
    found = parse(line)
    names = {field.name for field in fields(Decided)}
    if isinstance(found, Malformed) or not isinstance(found.value, dict) or not names <= found.value.keys():
        raise InputError(f"{where} is no decision of `toolkit label`", "restore the file: it is only ever added to")
    return Decided(**{name: found.value[name] for name in names})
