"""Where exported rows go: JSON Lines, a folder of `datasets`, Parquet; whole or in shards, in order, as they come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.export.convert import Block, Converted

LINES = 4096
BYTES = 4 << 20
BOM = b"\xef\xbb\xbf"


def blocks(path: Path, part: str, counts: list[int]) -> Iterator[tuple[int, Block]]:
    """The lines of a part as (shard, block); no block stands in two shards. counts: lines of each shard."""
    shard, left, at = 0, counts[0], 1
    held: list[bytes] = []
    n_bytes = 0
    with path.open("rb") as file:
        for line in file:
            if left == 0:
                if held:
                    yield shard, Block(part, at, held)
                    at, held, n_bytes = at + len(held), [], 0
                shard, left = shard + 1, counts[min(shard + 1, len(counts) - 1)]
            held.append(line.rstrip(b"\n"))
            n_bytes += len(line)
            left -= 1
            if len(held) >= LINES or n_bytes >= BYTES:
                yield shard, Block(part, at, held)
                at, held, n_bytes = at + len(held), [], 0
    if held:
        yield shard, Block(part, at, held)


def shard_counts(rows: int, shards: int) -> list[int]:
    """How many lines each shard gets: as even as can be, none empty."""
    n = max(1, min(shards, rows))
    return [rows // n + (at < rows % n) for at in range(n)]


def file_name(store: str, part: str, shard: int, shards: int) -> str:
    """Where a shard lies in the export's folder."""
    place = f"{shard:05d}-of-{shards:05d}"
    if store == "arrow":
        return f"{part}/data-{place}.arrow"
    if store == "parquet":
        return f"data/{part}-{place}.parquet"
    return f"{part}.jsonl" if shards == 1 else f"{part}-{place}.jsonl"


@dataclass
class Sink:
    """One file being written. name: in the export's folder; schema: of the first block, for Arrow."""

    folder: Path
    name: str
    part: str
    store: str
    rows: int = 0
    schema: pa.Schema | None = None
    _writer: Any = None
    _file: IO[bytes] | None = None
    _sha: Any = field(default_factory=hashlib.sha256)

    @property
    def path(self) -> Path:
        return self.folder / self.name

    def write(self, found: Converted) -> None:
        self.rows += found.rows
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
            if self.store == "jsonl-bom":
                self._file.write(BOM)
        if self.store not in ("arrow", "parquet"):
            self._file.write(found.data)
        elif found.data:
            self._tables(found.data)

    def _tables(self, data: bytes) -> None:
        with pa.ipc.open_stream(data) as stream:
            self.schema = stream.schema
            if self._writer is None and self.store == "arrow":
                self._writer = pa.ipc.new_stream(self._file, stream.schema)
            elif self._writer is None:
                self._writer = pq.ParquetWriter(self._file, stream.schema, compression="zstd")
            for batch in stream:
                self._writer.write_batch(batch)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._file is not None:
            self._file.close()

    def told(self) -> dict[str, Any]:
        """The file's line of export.json."""
        with self.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = self.path.stat().st_size
        return {"name": self.name, "part": self.part, "rows": self.rows, "bytes": size, "sha256": sha256}


def saved_by_datasets(sinks: list[Sink], told: list[dict[str, Any]]) -> dict[str, str]:
    """The two JSON files that `datasets.load_from_disk` wants beside the Arrow files of each part."""
    from datasets import Features

    found: dict[str, str] = {}
    for part in dict.fromkeys(sink.part for sink in sinks):
        schema = next(sink.schema for sink in sinks if sink.part == part and sink.schema is not None)
        mine = [(sink, line) for sink, line in zip(sinks, told, strict=True) if sink.part == part]
        info = {"features": Features.from_arrow_schema(schema).to_dict(), "splits": None}
        state: dict[str, Any] = {
            "_data_files": [{"filename": Path(sink.name).name} for sink, _ in mine],
            "_fingerprint": hashlib.sha256("".join(line["sha256"] for _, line in mine).encode()).hexdigest()[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": part,
        }
        found[f"{part}/dataset_info.json"] = json.dumps(info, indent=1) + "\n"
        found[f"{part}/state.json"] = json.dumps(state, indent=1) + "\n"
    return found
