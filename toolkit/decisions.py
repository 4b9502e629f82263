"""Decisions of people about the rows of a run, held against a file of JSON lines: keep, drop, or the row mended.

They come from the log of `toolkit label RUN --findings --serve` and are found by the row's content, so a
decision about a row that has changed since is told and not applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from toolkit.core.errors import InputError
from toolkit.core.jsontext import Value, parse
from toolkit.core.splice import spliced
from toolkit.label import answers as log
from toolkit.review import decided


class Decided(NamedTuple):
    """What became of the decisions, in rows. differ: people disagree; absent: the file has no such row."""

    keep: int
    drop: int
    fix: int
    differ: int
    absent: int


@dataclass(slots=True)
class Decisions:
    """What is to be done with each row, by the toolkit's id of it: `keep`, `drop` or a row's JSON."""

    of: Mapping[str, str]
    differ: int
    met: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)

    def apply(self, row: str, line: bytes) -> bytes:
        """A line as it was decided, empty where it goes. row: its id without the number of a copy."""
        n, self.copies[row] = self.copies[row], self.copies[row] + 1
        verdict = self.of.get(f"{row}-{n}" if n else row)
        if verdict is None:
            return line
        self.met[verdict if verdict in log.TRIAGE else "fix"] += 1
        if verdict in log.TRIAGE:
            return b"" if verdict == "drop" else line
        raw = line.decode("utf-8").rstrip("\r\n")
        end = line[len(raw.encode("utf-8")) :]
        old, new = parse(raw.strip().encode()), parse(verdict.encode())
        assert isinstance(old, Value) and isinstance(new, Value)  # noqa: S101 - both were read before
        return spliced(raw, old.value, new.value).encode() + end

    def told(self) -> Decided:
        """How many were met, once the file is read through."""
        absent = len(self.of) - self.met.total()
        return Decided(self.met["keep"], self.met["drop"], self.met["fix"], self.differ, absent)


def load(path: str | Path) -> Decisions:
    """The decisions of a log of answers. Where people differ nothing is decided.

    Raises InputError for a file that is not there or holds no decision.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} is not there", "toolkit label RUN --findings --serve writes one")
    said = {row: {_plain(str(each.value)) for each in all_} for row, all_ in decided(Path(path)).items()}
    if not said:
        raise InputError(
            f"{path} holds no decision about a finding", "toolkit label RUN --findings --serve writes them"
        )
    agreed = {row: next(iter(values)) for row, values in said.items() if len(values) == 1}
    return Decisions(agreed, len(said) - len(agreed))


def _plain(value: str) -> str:
    """A mended row by what it says, not by its spaces. Raises InputError where it is no object."""
    if value in log.TRIAGE:
        return value
    found = parse(value.encode("utf-8", "replace"))
    if not isinstance(found, Value) or not isinstance(found.value, dict):
        raise InputError("a mended row is no JSON object", "answer it again on the page")
    return found.canonical.decode()
