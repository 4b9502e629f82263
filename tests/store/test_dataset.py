"""Frozen rows on disk, read back in batches."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tests.looking import freeze

CALL = [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]


def test_row_groups_of_unlike_turns_are_read_back(tmp_path: Path) -> None:
    """Contents of one kind in the first row group and of another in the second: their dictionaries differ."""
    user = {"role": "user", "content": "a" * 1_000_000}
    plain = [{"messages": [user, {"role": "assistant", "content": "b"}]}] * 20
    calls = [{"messages": [user, {"role": "assistant", "content": None, "tool_calls": CALL}]}] * 20
    data = freeze([*plain, *calls], tmp_path / "rows")
    assert pq.ParquetFile(data.files[0]).metadata.num_row_groups > 1
    kinds = [
        turn["kind"] for batch in data.batches(("turns",)) for row in batch.column("turns").to_pylist() for turn in row
    ]
    assert kinds == ["text", "text"] * 20 + ["text", "null"] * 20
