"""The log of answers: append-only JSON lines, each on the disk before the next question is asked.

| key | what it is |
|---|---|
| `id` | of the row, as in the queue |
| `hash` | of the text that was seen; an answer to another text does not count |
| `kind` | `class`, `text` or `preference` as in the queue, or `finding` for the triage of findings |
| `value` | a label, edited text, place of the chosen draft from 0; to a finding `keep`, `drop` or the row mended |
| `by` | who answered |
| `at` | when: ISO 8601, UTC |
| `status` | `answered`, `skipped`, `rejected` (not worth asking, nor what is like it) or `undone` |

Nothing is rewritten: the last line of a row and a person counts, and `undone` takes the one before back.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.core.jsontext import Malformed, parse
from toolkit.store.folder import folder_error

FILE = "answers.jsonl"
KINDS = ("class", "text", "preference", "finding")
STATUSES = ("answered", "skipped", "rejected", "undone")
TRIAGE = ("keep", "drop")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person said of one row; the module's table says what each field is. value: None unless answered."""

    id: str
    hash: str
    kind: str
    value: str | int | None
    by: str
    at: str = ""
    status: str = "answered"

    def check(self, where: str) -> None:
        """Raises InputError for what cannot be an answer of its kind."""
        if self.kind not in KINDS or self.status not in STATUSES:
            raise _not_one(where, f"a kind of {self.kind!r} and a status of {self.status!r}")
        if not all(isinstance(each, str) for each in (self.id, self.hash, self.by, self.at)) or not self.id:
            raise _not_one(where, "an id, hash, name or time that is no text")
        if self.status == "answered" and not self._fits():
            raise _not_one(where, f"a value that answers no question of kind {self.kind}")

    def _fits(self) -> bool:
        if self.kind == "preference":
            return isinstance(self.value, int) and not isinstance(self.value, bool) and self.value >= 0
        if not isinstance(self.value, str) or not self.value.strip():
            return False
        return self.kind != "finding" or self.value in TRIAGE or self.value.lstrip().startswith("{")


def now() -> str:
    """The time as answers have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def append(path: Path, answer: Answer) -> None:
    """Add one answer; it is on the disk when this returns. Several processes may append to one file.

    Half a line that a crash left at the end is cut off first. Raises InputError for an answer that cannot
    be one, MachineError where the file cannot be written.
    """
    answer.check(answer.id)
    line = orjson.dumps(asdict(answer)) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = _mended(file)
            if os.write(file, line) < len(line):
                os.ftruncate(file, size)
                raise OSError(28, "no space left")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as failure:
        raise folder_error(path.parent, failure) from failure


def read(path: Path) -> list[Answer]:
    """Every whole answer in its order, [] where there is no file; half a line at the end does not count.

    Raises InputError for a line before the end that is no answer.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}", "name a log of answers") from failure
    whole = [(at, line) for at, line in enumerate(lines, 1) if line.strip() and (at < len(lines) or _is_whole(line))]
    return [_answer(line, f"{path.name}, line {at}") for at, line in whole]


def current(answers: Iterable[Answer]) -> dict[tuple[str, str], Answer]:
    """What counts now, by row id and person: the last word of each, nothing where that was `undone`."""
    last = {(each.id, each.by): each for each in answers}
    return {key: each for key, each in last.items() if each.status != "undone"}


def _mended(file: int) -> int:
    """The size of the file, which ends in a line break; half a line after the last one is cut off."""
    size = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return size
    held = os.pread(file, size, 0)
    start = held.rfind(b"\n") + 1
    if _is_whole(held[start:]):
        return size + os.write(file, b"\n")
    os.ftruncate(file, start)
    return start


def _is_whole(line: bytes) -> bool:
    return not isinstance(parse(line), Malformed)


def _answer(line: bytes, where: str) -> Answer:
    found = parse(line)
    if isinstance(found, Malformed):
        raise _not_one(where, found.reason)
    if not isinstance(found.value, dict):
        raise _not_one(where, "no object")
    try:
        answer = Answer(**found.value)
    except TypeError as failure:
        raise _not_one(where, "other keys than an answer has") from failure
    answer.check(where)
    return answer


def _not_one(where: str, why: Any) -> InputError:
    return InputError(f"{where} is no answer: {why}", "one object a line with id, hash, kind, value, by, at, status")
