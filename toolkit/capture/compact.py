"""A frame log as calls, one Parquet record an attempt, and as rows that `toolkit verify` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Compacted:
    """What a compaction wrote. excluded: calls that gave no row, by reason; calls = rows + all of them."""

    rows_path: Path
    calls_path: Path | None
    calls: int
    rows: int
    excluded: Mapping[str, int]


def compact(log: str | Path, out: str | Path, *, thinking: bool = False, damaged: bool = False) -> Compacted:
    """Write the calls and rows of a log. out: a folder (rows.jsonl, calls-*.parquet, blobs/) or a .jsonl file."""
    raise NotImplementedError
