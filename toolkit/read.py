"""The one door in: any file, Hub id or table becomes a frozen data set, and no record is lost.

Every record of the input ends as a row or as a reject with its position and reason.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from toolkit.core import parts
from toolkit.core.errors import InputError, MachineError, UsageError, unknown
from toolkit.core.jsontext import Malformed, Value, parse, written
from toolkit.core.records import Record, Source
from toolkit.core.types import Turn
from toolkit.store import columns as cols
from toolkit.store import streams
from toolkit.store.dataset import Dataset, DatasetWriter, Manifest, SourceNote

SAMPLE = 1000
BATCH_ROWS = 8192
BATCH_BYTES = 16 << 20
ID_KEYS = ("id", "row_id", "uuid", "_id", "example_id")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read. format: the row format, recognised from the rows when empty. text, label: column
    names of classification rows. group: the column whose equal values stay in one split. source_kind:
    where rows without lineage of their own come from."""

    format: str = ""
    text: str = ""
    label: str = ""
    group: str = ""
    id: str = ""
    delimiter: str = ""
    source_kind: str = "real"


def read(data: Any, folder: Path, options: ReadOptions | None = None, progress: Progress | None = None) -> Dataset:
    """Freeze `data` into `folder`; a data set already there that was made of the same bytes is used as it is.

    data: a path, a Hub id, a `datasets.Dataset`, an Arrow table, a pandas frame, or a list of dicts.
    Raises InputError for what cannot be read at all, ProviderError when the Hub does not serve.
    """
    options = options or ReadOptions()
    source = locate(data, options)
    sha256 = streams.sha256(source.path) if source.path is not None and source.path.is_file() else ""
    if sha256 and (found := _existing(folder, _digest(sha256, options))):
        return found
    reader = _choose_file(source)
    writer = DatasetWriter(folder)
    try:
        frozen = _Freezer(source, options, writer, progress, sha256).freeze(reader)
        return writer.finish(frozen)
    except BaseException as failure:
        writer.abandon()
        if isinstance(failure, OSError):
            what = f"writing {folder.name} failed: {failure.strerror or failure}"
            raise MachineError(what, "free some space or name another folder with --run") from failure
        raise


def locate(data: Any, options: ReadOptions | None = None) -> Source:
    """The source that `data` names; raises InputError when there is none."""
    delimiter = (options.delimiter if options else "") or None
    if not isinstance(data, str | Path):
        return Source(type(data).__name__.lower(), obj=data)
    path = Path(data)
    if path.is_dir():
        return Source(path.name, path=path)
    if path.exists() or not _is_hub(str(data)):
        return Source(path.name, path=path, head=streams.head(path), delimiter=delimiter)
    return Source(str(data))


def _is_hub(name: str) -> bool:
    from toolkit.files.hub import HUB_ID

    return bool(HUB_ID.match(name)) and not Path(name).suffix.lower().startswith((".json", ".csv", ".tsv", ".parquet"))


def _choose_file(source: Source) -> Any:
    readers = [found() for found in parts.parts("files").values()]
    claims = [(reader.claims(source), reader) for reader in readers]
    best, reader = max(claims, key=lambda claim: claim[0])
    if best == 0:
        raise InputError(f"{source.name} is not a file or table that can be read", "see `toolkit parts files`")
    return reader


def _digest(sha256: str, options: ReadOptions) -> str:
    told = json.dumps([sha256, asdict(options), cols.STORED.names], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _existing(folder: Path, digest: str) -> Dataset | None:
    try:
        found = Dataset(folder)
    except InputError:
        return None
    return found if found.manifest.digest == digest else None


@dataclass
class _Freezer:
    """One pass over a source: records become rows or rejects, batch by batch.

    sha256: of the source's file; empty for what is no file, whose rows are hashed as they come.
    """

    source: Source
    options: ReadOptions
    writer: DatasetWriter
    progress: Progress | None
    sha256: str
    formats: Counter[str] = field(default_factory=Counter)
    seen: dict[int, int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    held: int = 0
    count: int = 0
    n_rows: int = 0
    n_rejects: int = 0
    n_bytes: int = 0

    def freeze(self, reader: Any) -> Manifest:
        checksum = hashlib.sha256()
        records = reader.records(self.source)
        first = list(islice(records, SAMPLE))
        self.shelf = {name: found() for name, found in parts.parts("formats").items()}
        self.format = self._settle(first)
        for record in chain(first, records):
            if not self.sha256:
                checksum.update(record.raw)
            self._take(record)
        self._flush()
        return self._manifest(reader, self.sha256 or checksum.hexdigest())

    def _manifest(self, reader: Any, sha256: str) -> Manifest:
        if self.options.format and self.n_rows and not self.formats[self.format.id]:
            looks = self.formats.most_common(1)[0][0]
            raise InputError(
                f"no row of {self.source.name} is {self.format.id}", f"leave --format out: it looks like {looks}"
            )
        note = SourceNote(
            name=self.source.name,
            sha256=sha256,
            file=reader.id,
            counts=self.source.counts,
            bytes=self.n_bytes,
            records=self.count,
            rows=self.n_rows,
            rejects=self.n_rejects,
            columns=list(self.source.columns),
            notes=self.source.notes,
        )
        return Manifest(
            digest=_digest(sha256, self.options),
            format=self.format.id,
            options=asdict(self.options),
            rows=self.n_rows,
            rejects=self.n_rejects,
            sources=[note],
            formats=dict(self.formats),
        )

    def _settle(self, first: list[Record]) -> Any:
        """The format of the file: the one asked for, or the one that most of its first rows have."""
        if self.options.format and self.options.format not in self.shelf:
            raise unknown("format", self.options.format, self.shelf)
        columns = {name: value for name in ("text", "label") if (value := getattr(self.options, name))}
        if self.options.format or columns:
            name = self.options.format or ("text-label" if self.options.label else "text")
            built = parts.build("formats", name, columns)
            self._columns_exist(first, columns)
            self.shelf[name] = built
            return built
        votes: Counter[str] = Counter()
        for value in map(_value, first):
            if isinstance(value, dict):
                votes[self._claim(value).id] += 1
        votes.pop("unknown", None)
        return self.shelf[votes.most_common(1)[0][0] if votes else "unknown"]

    def _columns_exist(self, first: list[Record], columns: Mapping[str, str]) -> None:
        seen = list(dict.fromkeys(key for value in map(_value, first) if isinstance(value, dict) for key in value))
        for option, name in columns.items():
            if seen and name not in seen:
                raise UsageError(
                    f"--{option} {name}: {self.source.name} has no such column", f"its columns: {', '.join(seen[:20])}"
                )

    def _claim(self, value: Mapping[str, Any]) -> Any:
        best = max(self.shelf.values(), key=lambda each: each.claims(value))
        return best if best.claims(value) else self.shelf["unknown"]

    def _take(self, record: Record) -> None:
        ordinal, self.count = self.count, self.count + 1
        self.n_bytes += len(record.raw)
        outcome = self._row(record)
        if isinstance(outcome, Malformed):
            self._reject(ordinal, record, outcome)
        else:
            self.rows.append({"row": ordinal, **outcome})
            self.n_rows += 1
        self.held += len(record.raw)
        if len(self.rows) >= BATCH_ROWS or self.held >= BATCH_BYTES:
            self._flush()
        if self.progress is not None and self.count % BATCH_ROWS == 0:
            self.progress("read", self.count, 0)

    def _row(self, record: Record) -> dict[str, Any] | Malformed:
        if record.error is not None:
            return record.error
        read = parse(record.raw)
        if isinstance(read, Malformed):
            return read
        value = read.value
        if not isinstance(value, dict):
            return Malformed("not-object", f"a row must be a JSON object, this is {_kind(value)}")
        lineage, canonical = _lineage(value, read.canonical)
        form = self.format if self.format.claims(value) else self._claim(value)
        self.formats[form.id] += 1
        parsed = form.parse(value)
        hashed = int.from_bytes(hashlib.blake2b(canonical, digest_size=8).digest(), "big")
        nth = self.seen.get(hashed, 0)
        self.seen[hashed] = nth + 1
        own_id = self._own_id(value)
        return {
            "hash": hashed,
            "nth": nth,
            "ref": own_id or f"{self.source.counts}-{record.position}",
            "own_id": own_id,
            "position": record.position,
            "format": form.id,
            "parsed": parsed,
            "faults": [*record.faults, *read.faults, *parsed.faults],
            "source_kind": str(lineage.get("source_kind") or self.options.source_kind),
            "group": self._group(value, lineage),
            "lineage": json.dumps(lineage, sort_keys=True) if lineage else None,
            "raw": record.raw.decode("utf-8"),
        }

    def _own_id(self, value: Mapping[str, Any]) -> str | None:
        keys = (self.options.id,) if self.options.id else ID_KEYS
        found = next((value[key] for key in keys if isinstance(value.get(key), str | int)), None)
        return None if found is None or found == "" or isinstance(found, bool) else str(found)

    def _group(self, value: Mapping[str, Any], lineage: Mapping[str, Any]) -> str | None:
        if self.options.group:
            found = value.get(self.options.group)
            return None if found is None else f"{self.options.group}={found}"
        parents = lineage.get("parents")
        found = lineage.get("group") or (parents[0] if isinstance(parents, list) and parents else None)
        return None if found is None else str(found)

    def _reject(self, ordinal: int, record: Record, reason: Malformed) -> None:
        ref = f"{self.source.counts}-{record.position}"
        self.rejected.append(
            {
                "row": ordinal,
                "ref": ref,
                "source": self.source.name,
                "position": record.position,
                "code": reason.code,
                "reason": reason.reason,
                "raw": record.raw,
            }
        )
        self.n_rejects += 1

    def _flush(self) -> None:
        if self.rows:
            self.writer.write(_batch(self.rows, self.source.name))
        if self.rejected:
            self.writer.write_rejects(pa.RecordBatch.from_pylist(self.rejected, schema=cols.REJECT))
        self.rows, self.rejected, self.held = [], [], 0


def _value(record: Record) -> Any:
    """What a record holds; None where it does not parse."""
    read = None if record.error is not None else parse(record.raw)
    return read.value if isinstance(read, Value) else None


def _lineage(value: dict[str, Any], canonical: bytes) -> tuple[dict[str, Any], bytes]:
    """The lineage that the toolkit wrote into a row, and the canonical row without it."""
    found = value.get("lineage")
    if not isinstance(found, dict) or "source_kind" not in found:
        return {}, canonical
    rest = {key: each for key, each in value.items() if key != "lineage"}
    return found, written(rest, sort_keys=True)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _batch(rows: list[dict[str, Any]], source: str) -> pa.RecordBatch:
    """Rows as an Arrow batch of the stored columns; turns are laid out flat first, which is several times faster."""
    made: dict[str, pa.Array] = {
        "source": pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(rows), np.int16)), [source]),
        "turns": _turn_lists([row["parsed"].turns for row in rows]),
        "rejected": _turn_lists([row["parsed"].rejected for row in rows]),
        "label": pa.array([row["parsed"].label for row in rows], pa.string()),
        "tools": pa.array([row["parsed"].tools for row in rows], pa.string()),
    }
    arrays = []
    for column in cols.STORED:
        if column.name in made:
            arrays.append(made[column.name])
        elif pa.types.is_dictionary(column.type):
            arrays.append(
                pa.array([row[column.name] for row in rows], pa.string()).dictionary_encode().cast(column.type)
            )
        else:
            arrays.append(pa.array([row[column.name] for row in rows], column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=cols.STORED)


def _turn_lists(lists: list[Any]) -> pa.Array:
    flat: list[Turn] = [turn for turns in lists if turns is not None for turn in turns]
    lengths = [len(turns) if turns is not None else 0 for turns in lists]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    columns = list(zip(*flat, strict=True)) if flat else [()] * len(Turn._fields)
    by_name = dict(zip(Turn._fields, columns, strict=True))
    fields = []
    for each in cols.TURN:
        values = by_name[each.name]
        if pa.types.is_dictionary(each.type):
            fields.append(pa.array(values, pa.string()).dictionary_encode().cast(each.type))
        else:
            fields.append(pa.array(values, each.type))
    structs = pa.StructArray.from_arrays(fields, fields=list(cols.TURN))
    missing = pa.array([turns is None for turns in lists])
    return pa.ListArray.from_arrays(pa.array(offsets), structs, mask=missing, type=pa.list_(cols.TURN))
