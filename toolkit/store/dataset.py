"""The frozen data set: Parquet files of rows, one of rejected records, and a manifest.

It is written once, by `DatasetWriter`, and then only read: in batches, or by SQL through DuckDB.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.core.errors import InputError
from toolkit.store import columns as cols
from toolkit.store.shared import Shared

if TYPE_CHECKING:
    import duckdb

VERSION = 2
DICTIONARY = ["source", "format", "label", "source_kind", "turns.list.element.role", "turns.list.element.kind"]


@dataclass
class SourceNote:
    """What was read from one source: counts add up as records = rows + rejects."""

    name: str
    sha256: str
    file: str
    counts: str
    bytes: int = 0
    records: int = 0
    rows: int = 0
    rejects: int = 0
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Manifest:
    """The data set in one page. digest: sha256 over the sources' hashes and the reading options.

    shared: what the rows have in common, as `toolkit.store.shared.Shared` tells it.
    """

    digest: str
    format: str
    options: dict[str, Any]
    rows: int
    rejects: int
    sources: list[SourceNote]
    formats: dict[str, int] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION


class Group(NamedTuple):
    """One row group of a Parquet file: some thousand rows that are read together."""

    file: str
    at: int


class Dataset:
    """Rows on disk, frozen. Row ordinals count every record read, so they may have gaps where one was rejected."""

    def __init__(self, folder: Path, beside: Dataset | None = None) -> None:
        """beside: the data set that this one is compared with; instructions of either are set aside in this one."""
        self.folder = folder
        self.manifest = _load_manifest(folder)
        own = Shared.of(self.manifest.shared)
        self.shared: Shared = own.joined(beside.shared) if beside is not None else own

    @property
    def n_rows(self) -> int:
        return self.manifest.rows

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("rows-*.parquet"))

    def groups(self) -> list[Group]:
        """The row groups, in row order."""
        return [Group(file.name, at) for file in self.files for at in range(pq.read_metadata(file).num_row_groups)]

    def batches(
        self, columns: Sequence[str], size: int = 8192, groups: Sequence[Group] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of `row` and the named columns, stored or derived, in row order; of all row groups or some."""
        names = tuple(columns)
        stored = cols.needed(names, self.shared)
        # A batch over two row groups whose dictionaries differ cannot be read: one group at a time.
        for name, some in groupby(self.groups() if groups is None else groups, key=lambda group: group.file):
            with pq.ParquetFile(self.folder / name) as parquet:
                for group in some:
                    for batch in parquet.iter_batches(batch_size=size, columns=stored, row_groups=[group.at]):
                        yield cols.derive(batch, names, self.shared)

    def table(self, columns: Sequence[str]) -> pa.Table:
        """The named columns of every row, with `row`; they must fit in memory."""
        found = list(self.batches(columns))
        if found:
            return pa.Table.from_batches(found)
        names = tuple(columns)
        empty = pa.RecordBatch.from_pylist([], schema=cols.STORED)
        return pa.Table.from_batches([cols.derive(empty, names)])

    def rejects(self) -> pa.Table:
        """The records that could not become rows."""
        return pq.read_table(self.folder / "rejects.parquet")

    def connect(self) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB with the views `rows` (stored columns) and `rejects`."""
        import duckdb

        database = duckdb.connect()
        for name, pattern in (("rows", "rows-*.parquet"), ("rejects", "rejects.parquet")):
            path = str(self.folder / pattern).replace("'", "''")
            database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")
        return database

    def query(self, sql: str) -> pa.Table:
        """The result of one query over the views `rows` and `rejects`."""
        with self.connect() as database:
            return database.sql(sql).to_arrow_table()


class DatasetWriter:
    """Writes a data set into a hidden folder beside its place, and moves it there when it is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(parents=True)
        self._rows = pq.ParquetWriter(
            self._draft / "rows-000.parquet",
            cols.STORED,
            compression="zstd",
            compression_level=1,
            use_dictionary=DICTIONARY,
        )
        self._rejects = pq.ParquetWriter(self._draft / "rejects.parquet", cols.REJECT, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._rows.write_batch(batch)

    def write_rejects(self, batch: pa.RecordBatch) -> None:
        self._rejects.write_batch(batch)

    def finish(self, manifest: Manifest) -> Dataset:
        """Move the data set to its place; one that stood there is replaced."""
        self._rows.close()
        self._rejects.close()
        text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
        # Names of columns of a file that is no UTF-8 hold what cannot be written.
        (self._draft / "manifest.json").write_text(text + "\n", encoding="utf-8", errors="replace")
        shutil.rmtree(self.folder, ignore_errors=True)
        self._draft.replace(self.folder)
        return Dataset(self.folder)

    def abandon(self) -> None:
        """Leave nothing behind; for a read that was cut off."""
        self._rows.close()
        self._rejects.close()
        shutil.rmtree(self._draft, ignore_errors=True)


def _load_manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as failure:
        raise InputError(f"{folder} holds no data set", "run `toolkit verify FILE` first") from failure
    except ValueError as failure:
        raise InputError(f"{path} is damaged: {failure}", "delete the run folder and verify again") from failure
    if found.get("version") != VERSION:
        what = f"{folder} was written by another version of the toolkit (data set version {found.get('version')})"
        raise InputError(what, "run `toolkit verify` on the file again")
    found["sources"] = [SourceNote(**source) for source in found["sources"]]
    return Manifest(**found)
