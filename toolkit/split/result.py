"""A split as it lies in a run folder: the files of its parts, where every row went, and the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.core.errors import InputError
from toolkit.core.types import JSON, Level
from toolkit.decide import Outcome, decide
from toolkit.findings import policy_of
from toolkit.store import streams
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder
from toolkit.store.ledger import Ledger
from toolkit.write import whole_file, write_rows

VERSION = 1
PLACES = "split.parquet"
ORDER = ("train", "dev", "heldout")
MIX = ("mix.json", "mix.parquet", "train.mixed.jsonl", "regression.jsonl")
"""What `split.mix` writes: of no use beside another train file."""
SCHEMA = pa.schema([("row", pa.int64()), ("row_id", pa.string()), ("ref", pa.string()), ("part", pa.string())])

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SplitPart:
    """One part. data, keep: its data set and the sorted ordinals of its rows in it; target: rows wanted, or None."""

    name: str
    data: Dataset
    keep: Ints
    file: Path
    sha256: str
    target: int | None

    @property
    def rows(self) -> int:
        return len(self.keep)


@dataclass(frozen=True)
class SplitResult:
    """A split of a run. parts: `train`, `heldout` and, where it was asked for, `dev`. manifest: split.json.

    given: the held-out rows are a file of the user's own. outcomes: what the checks of the split came
    to; empty for a split that was loaded without the ledger.
    """

    run: RunFolder
    data: Dataset
    parts: Mapping[str, SplitPart]
    manifest: Mapping[str, Any]
    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def train(self) -> SplitPart:
        return self.parts["train"]

    @property
    def heldout(self) -> SplitPart:
        return self.parts["heldout"]

    @property
    def given(self) -> bool:
        return bool(self.manifest["given"])

    @property
    def level(self) -> Level:
        """The highest level that a check of the split reached."""
        return max((each.level for each in self.outcomes), default=Level.OK)

    def changed(self) -> list[str]:
        """The names of those files that are not any more what the split wrote."""
        return [each.file.name for each in self.parts.values() if _sha256(each.file) != each.sha256]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{each.rows:,} {each.name}" for each in self.parts.values())
        return f"<SplitResult {self.run.path}: {sizes}>"


def load_split(folder: RunFolder, kept: Ints | None = None) -> SplitResult | None:
    """The split that lies in a run folder; None where there is none, or where it is of other rows than are kept now.

    kept: ordinals of the rows that stay, where they are known; else the ledger is asked for them.
    """
    try:
        manifest = json.loads(folder.split.read_text(encoding="utf-8"))
        data = Dataset(folder.dataset)
        places = pq.read_table(folder.path / PLACES, columns=["row", "part"])
        if manifest.get("version") != VERSION or manifest["dataset"] != data.manifest.digest:
            return None
        held = Dataset(folder.path / manifest["heldout_data"], beside=data) if manifest["given"] else data
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, InputError, pa.ArrowInvalid):
        return None
    rows = kept if kept is not None else _kept(folder)
    if manifest["kept"] != kept_digest(rows) or (manifest["given"] and manifest["heldout"] != held.manifest.digest):
        return None
    parts = {
        each["name"]: SplitPart(
            each["name"],
            held if each["name"] == "heldout" else data,
            _ordinals(places, each["name"]),
            folder.path / each["file"],
            each["sha256"],
            each["target"],
        )
        for each in manifest["parts"]
    }
    return SplitResult(folder, data, parts, manifest) if all(each.file.exists() for each in parts.values()) else None


def kept_digest(kept: Ints) -> str:
    """The sha256 of the ordinals that stay."""
    return hashlib.sha256(kept.astype(np.int64).tobytes()).hexdigest()


def remove_split(folder: RunFolder) -> None:
    """Take the files of an earlier split away, the manifest first: without it there is no split."""
    others = (folder.path / name for name in (PLACES, *MIX))
    for path in (folder.split, *others, *(folder.part(name) for name in ORDER)):
        path.unlink(missing_ok=True)


def write_part(folder: RunFolder, name: str, data: Dataset, keep: Ints, target: int | None) -> SplitPart:
    """Write the rows of one part, each as it was read."""
    path = folder.part(name)
    records = data.manifest.rows + data.manifest.rejects
    chosen = np.zeros(records, np.bool_)
    chosen[keep] = True
    write_rows(data, path, lambda rows: chosen[rows])
    return SplitPart(name, data, keep, path, streams.sha256(path), target)


def write_places(folder: RunFolder, parts: Mapping[str, tuple[Dataset, Ints]]) -> None:
    """Write where every kept row went: row, row_id, ref, part."""
    with whole_file(folder.path / PLACES) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for data in {id(data): data for data, _ in parts.values()}.values():
            _write_places(writer, data, {name: keep for name, (of, keep) in parts.items() if of is data})


def write_manifest(folder: RunFolder, manifest: Mapping[str, JSON]) -> None:
    """Write split.json, last of all: a split without it is none."""
    with whole_file(folder.split) as file:
        file.write((json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))


def _write_places(writer: pq.ParquetWriter, data: Dataset, parts: Mapping[str, Ints]) -> None:
    names = list(parts)
    code = np.full(data.manifest.rows + data.manifest.rejects, -1, np.int8)
    for at, name in enumerate(names):
        code[parts[name]] = at
    for batch in data.batches(("row_id", "ref")):
        own = code[batch.column("row").to_numpy()]
        part = pa.DictionaryArray.from_arrays(pa.array(own, mask=own < 0), pa.array(names, pa.string()))
        table = pa.RecordBatch.from_arrays(
            [batch.column("row"), batch.column("row_id"), batch.column("ref"), part.cast(pa.string())], schema=SCHEMA
        )
        writer.write_batch(table.filter(pa.array(own >= 0)))


def _ordinals(places: pa.Table, name: str) -> Ints:
    import pyarrow.compute as pc

    return np.asarray(places.filter(pc.equal(places.column("part"), name)).column("row").to_numpy(), np.int64)


def _kept(folder: RunFolder) -> Ints:
    with Ledger(folder.ledger, read_only=True) as ledger:
        return decide(ledger, policy_of(ledger)).stays


def _sha256(path: Path) -> str:
    return streams.sha256(path) if path.exists() else ""
