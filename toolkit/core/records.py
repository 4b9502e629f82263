"""What a file reader yields: one record for every line, cell row or object, readable or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from toolkit.core import parts
from toolkit.core.jsontext import Malformed


class Record(NamedTuple):
    """One record of a source, in the order of the source.

    position: 1-based line of a text file, or record of any other. raw: the record's bytes as they
    stood, or its JSON for sources that are not text. error: why the record cannot become a row. faults: what is odd
    about a record that can.
    """

    position: int
    raw: bytes
    error: Malformed | None = None
    faults: tuple[str, ...] = ()


@dataclass
class Source:
    """Where rows come from: a file, a Hub id, or an object in memory.

    counts: `line` where a record's position is a line number, else `row`. notes: what the reader has
    to say about the source as a whole, complete once its records were read.
    """

    name: str
    path: Path | None = None
    obj: Any = None
    head: bytes = b""
    delimiter: str | None = None
    counts: str = "row"
    notes: list[str] = field(default_factory=list)
    columns: Sequence[str] = ()


def claimed(source: Source) -> tuple[int, Any]:
    """The reader on the shelf `files` that claims a source most, behind its claim; 0 where none does."""
    claims = [(reader.claims(source), reader) for reader in (found() for found in parts.parts("files").values())]
    return max(claims, key=lambda claim: claim[0])
