"""Columnar rows: Parquet and Arrow files, Arrow tables, pandas frames, `datasets`, lists of dicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
import pyarrow as pa

from toolkit.core.errors import InputError
from toolkit.core.jsontext import Malformed
from toolkit.core.records import Record, Source

BATCH = 2048


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """Parquet or Arrow IPC files, and tables in memory, read a batch at a time.

    A value that JSON does not have (bytes, a decimal, a date) is written as its text.
    """

    id: ClassVar[str] = "table"

    def claims(self, source: Source) -> int:
        if source.obj is not None:
            return 9
        return 9 if source.head[:4] == b"PAR1" or source.head[:6] == b"ARROW1" else 0

    def records(self, source: Source) -> Iterator[Record]:
        source.counts = "row"
        batches = _batches(source) if source.obj is None else _from_memory(source.obj)
        position = 0
        for rows in batches:
            for row in rows:
                position += 1
                yield _record(position, row)


def _record(position: int, row: Any) -> Record:
    if not isinstance(row, dict):
        return Record(position, str(row).encode("utf-8", "replace"), error=Malformed("not-object", "not an object"))
    try:
        raw = orjson.dumps(row, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    except TypeError as failure:
        text = repr(row).encode("utf-8", "replace")
        return Record(position, text, error=Malformed("not-json", f"cannot be written as JSON: {failure}"))
    return Record(position, raw)


def _batches(source: Source) -> Iterator[list[dict[str, Any]]]:
    import pyarrow.parquet as pq

    try:
        if source.head[:4] == b"PAR1":
            for batch in pq.ParquetFile(source.path).iter_batches(batch_size=BATCH):
                yield batch.to_pylist()
            return
        with pa.ipc.open_file(source.path) as file:
            for at in range(file.num_record_batches):
                yield file.get_batch(at).to_pylist()
    except (pa.ArrowInvalid, OSError) as failure:
        raise InputError(f"{source.name} is not a readable Parquet or Arrow file", f"write it again: {failure}") from (
            failure
        )


def _from_memory(obj: Any) -> Iterable[list[Any]]:
    if isinstance(obj, pa.Table | pa.RecordBatch):
        table = obj if isinstance(obj, pa.Table) else pa.table(obj)
        return (batch.to_pylist() for batch in table.to_batches(max_chunksize=BATCH))
    if hasattr(obj, "iter") and hasattr(obj, "features"):  # datasets.Dataset and IterableDataset
        return (
            [dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True)]
            for batch in obj.iter(BATCH)
        )
    if hasattr(obj, "to_dict") and hasattr(obj, "columns"):  # pandas.DataFrame
        return _from_pandas(obj)
    if isinstance(obj, Iterable):
        return _grouped(obj)
    what = f"a {type(obj).__name__} is not a table"
    raise InputError(what, "give a path, a Hub id, a datasets.Dataset, an Arrow table, a pandas frame or dicts")


def _from_pandas(frame: Any) -> Iterable[list[Any]]:
    """Rows by way of Arrow; one by one where cells of a column are of several kinds, which Arrow does not take."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _grouped(frame.astype(object).where(frame.notna(), None).to_dict("records"))
    return (batch.to_pylist() for batch in table.to_batches(BATCH))


def _grouped(rows: Iterable[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    for row in rows:
        group.append(row)
        if len(group) == BATCH:
            yield group
            group = []
    yield group
