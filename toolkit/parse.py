"""Records become rows: what is done to each record alone, so that batches of them can be read side by side."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from toolkit.core.jsontext import Malformed, Value, parse, written
from toolkit.core.records import Record
from toolkit.core.types import Turn
from toolkit.store import columns as cols

ID_KEYS = ("id", "row_id", "uuid", "_id", "example_id")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read. format: the row format, recognised from the rows when empty. text, label: column
    names of classification rows. prompt, answer: those of a prompt and its completion. labels: whether
    short answers that are given again and again are taken for labels. group: the column whose equal
    values stay in one split. source_kind: where rows without lineage of their own come from. licence,
    source: under which terms and where from, in words; they are written down and change nothing."""

    format: str = ""
    text: str = ""
    label: str = ""
    prompt: str = ""
    answer: str = ""
    labels: bool = True
    group: str = ""
    id: str = ""
    delimiter: str = ""
    source_kind: str = "real"
    licence: str = ""
    source: str = ""


class Chunk(NamedTuple):
    """Some records, read. rows: the stored columns, with `row` counted from the chunk's first record and
    `nth` zero. rejects: the records that are no rows, counted likewise. formats: how many rows have each."""

    rows: pa.RecordBatch
    rejects: pa.RecordBatch
    formats: Counter[str]
    n_records: int
    n_bytes: int


@dataclass(frozen=True)
class Parser:
    """Reads records of one source. shelf: the row formats by id. format: that of most rows.

    counts: `line` or `row`, what a position counts.
    """

    shelf: Mapping[str, Any]
    format: Any
    options: ReadOptions
    source: str
    counts: str

    def chunk(self, records: Sequence[Record]) -> Chunk:
        """Read some records; each ends as a row or as a reject with its reason."""
        formats: Counter[str] = Counter()
        rows: list[dict[str, Any]] = []
        rejected: list[dict[str, Any]] = []
        for ordinal, record in enumerate(records):
            outcome = self._row(record)
            if isinstance(outcome, Malformed):
                rejected.append({"row": ordinal, **self._reject(record, outcome)})
            else:
                formats[outcome["format"]] += 1
                rows.append({"row": ordinal, **outcome})
        rejects = pa.RecordBatch.from_pylist(rejected, schema=cols.REJECT)
        n_bytes = sum(len(record.raw) for record in records)
        return Chunk(_batch(rows, self.source), rejects, formats, len(records), n_bytes)

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
        form = self.format if self.format.claims(value) else claim(self.shelf, value)
        parsed = form.parse(value)
        own_id = self._own_id(value)
        return {
            "hash": int.from_bytes(hashlib.blake2b(canonical, digest_size=8).digest(), "big"),
            "nth": 0,
            "ref": own_id or f"{self.counts}-{record.position}",
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

    def _reject(self, record: Record, reason: Malformed) -> dict[str, Any]:
        return {
            "ref": f"{self.counts}-{record.position}",
            "source": self.source,
            "position": record.position,
            "code": reason.code,
            "reason": reason.reason,
            "raw": record.raw,
        }


def claim(shelf: Mapping[str, Any], value: Mapping[str, Any]) -> Any:
    """The format that a row looks most like, `unknown` where none claims it."""
    best = max(shelf.values(), key=lambda each: each.claims(value))
    return best if best.claims(value) else shelf["unknown"]


def value_of(record: Record) -> Any:
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
    missing = pa.array([turns is None for turns in lists], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), structs, mask=missing, type=pa.list_(cols.TURN))
