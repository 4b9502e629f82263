"""What must stay together in a split: equal and near-equal rows, declared groups, lineage.

One pass over a view reads everything that the split needs of a row; the texts are let go again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.store import columns as cols
from toolkit.store.view import View

Ints = npt.NDArray[np.int64]
READS = ("body", "question", "label", "source_kind", "group", "lineage", "hash", "nth", "ref")
# Lineage that ties rows, in the order in which it is tried; a template or a seed row may tie all of them.
FAMILIES = ("parents", "document", "source_document", "conversation", "seed_row", "seed", "template")
NONE = -1
ROW_ID = re.compile("[0-9a-f]{16}(-[0-9]+)?")


class Key(NamedTuple):
    """Rows and the value that each has of one key, both of shape (n_uses,); equal values tie their rows."""

    row: Ints
    value: Ints


@dataclass(frozen=True)
class Traits:
    """What the split knows of the rows of a view, arrays of shape (n,), in row order.

    rows: ordinals. label, kind: codes into the sorted names, -1 where there is none. chars: length.
    key: 64 bits of the row's content, an order that does not depend on the order of the file.
    """

    rows: Ints
    label: Ints
    labels: list[str]
    kind: Ints
    kinds: list[str]
    chars: Ints
    key: npt.NDArray[np.uint64]
    groups: Key
    families: dict[str, Key]
    has_prompts: bool

    @property
    def n(self) -> int:
        return len(self.rows)


@dataclass
class _Pass:
    """What is gathered batch by batch."""

    rows: list[Any] = field(default_factory=list)
    chars: list[Any] = field(default_factory=list)
    key: list[Any] = field(default_factory=list)
    label: list[pa.Array] = field(default_factory=list)
    kind: list[pa.Array] = field(default_factory=list)
    group: list[pa.Array] = field(default_factory=list)
    ref: list[pa.Array] = field(default_factory=list)
    hash: list[Any] = field(default_factory=list)
    uses: dict[str, tuple[list[int], list[str]]] = field(default_factory=dict)
    prompts: bool = False
    n: int = 0

    def take(self, batch: pa.RecordBatch) -> None:
        self.rows.append(batch.column("row").to_numpy())
        self.chars.append(pc.fill_null(pc.utf8_length(batch.column("body")), 0).to_numpy(zero_copy_only=False))
        self.key.append(_mixed(batch.column("hash").to_numpy() + batch.column("nth").to_numpy().astype(np.uint64)))
        self.label.append(batch.column("label").dictionary_encode())
        self.kind.append(batch.column("source_kind").cast(pa.string()).dictionary_encode())
        self.group.append(batch.column("group").dictionary_encode())
        self.prompts = self.prompts or not batch.column("question").equals(batch.column("body"))
        self.ref.append(batch.column("ref"))
        self.hash.append(batch.column("hash").to_numpy())
        self._lineage(batch)
        self.n += len(batch)

    def _lineage(self, batch: pa.RecordBatch) -> None:
        lineage = batch.column("lineage")
        if lineage.null_count == len(lineage):
            return
        for at, text in enumerate(lineage.to_pylist()):
            found = orjson.loads(text) if text else {}
            for name in FAMILIES:
                for value in _values(found.get(name)):
                    self._use(name, self.n + at, value)

    def _use(self, name: str, row: int, value: str) -> None:
        rows, values = self.uses.setdefault(name, ([], []))
        rows.append(row)
        values.append(value)

    def adopt(self) -> None:
        """A parent that is a row of this data set, named by its id or its hash, belongs to its children."""
        if "parents" not in self.uses:
            return
        named = set(self.uses["parents"][1])
        refs = pa.chunked_array(self.ref)
        for row in np.flatnonzero(pc.is_in(refs, value_set=pa.array(sorted(named)))).tolist():
            self._use("parents", row, refs[row].as_py())
        by_hash = {int(name[:16], 16): name for name in named if ROW_ID.fullmatch(name)}
        hashes = np.concatenate(self.hash)
        for row in np.flatnonzero(np.isin(hashes, np.array([*by_hash], np.uint64))).tolist():
            self._use("parents", row, by_hash[int(hashes[row])])


def traits(view: View) -> Traits:
    """One pass over a view that may read `READS`; about 60 bytes a row stay."""
    found = _Pass()
    for batch in view.batches(*READS):
        found.take(batch)
    found.adopt()
    label, labels = _codes(found.label)
    kind, kinds = _codes(found.kind)
    group, _ = _codes(found.group)
    grouped = np.flatnonzero(group >= 0)
    return Traits(
        rows=_joined(found.rows, np.int64),
        label=label,
        labels=labels,
        kind=kind,
        kinds=kinds,
        chars=_joined(found.chars, np.int64),
        key=_joined(found.key, np.uint64),
        groups=Key(grouped, group[grouped]),
        families={name: _key(*found.uses[name]) for name in FAMILIES if name in found.uses},
        has_prompts=found.prompts,
    )


def tied(key: Key) -> tuple[Ints, Ints]:
    """Edges that make one component of all rows with the same value: each row with the next one."""
    order = np.argsort(key.value, kind="stable")
    same = key.value[order][1:] == key.value[order][:-1]
    rows = key.row[order]
    return rows[:-1][same], rows[1:][same]


def texts(view: View, column: str) -> pa.ChunkedArray:
    """A text column of every row in scope; a blank text is null, so that it is nobody's copy."""
    return cols.null_where_blank(view.table(column).column(column))


def _values(found: Any) -> Sequence[str]:
    if found is None or found == "":
        return ()
    if isinstance(found, list):
        return [str(each) for each in found if each is not None]
    return (str(found),)


def _key(rows: list[int], values: list[str]) -> Key:
    encoded = pa.array(values, pa.string()).dictionary_encode()
    return Key(np.array(rows, np.int64), encoded.indices.to_numpy().astype(np.int64))


def _codes(arrays: list[pa.Array]) -> tuple[Ints, list[str]]:
    """Codes of strings by sorted name, -1 for null, so that they do not depend on the order of the rows."""
    if not arrays:
        return np.empty(0, np.int64), []
    whole = pa.chunked_array(arrays).unify_dictionaries().combine_chunks()
    one = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    names = one.dictionary.to_pylist()
    place = np.empty(len(names) + 1, np.int64)
    place[np.argsort(np.array(names, dtype=object))] = np.arange(len(names))
    place[-1] = NONE
    indices = pc.fill_null(one.indices, len(names)).to_numpy(zero_copy_only=False)
    return place[indices], sorted(names)


def _joined(arrays: Iterable[Any], kind: Any) -> Any:
    found = list(arrays)
    return np.concatenate(found).astype(kind, copy=False) if found else np.empty(0, kind)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): near values come out far apart."""
    x = values + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def seeded(key: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """The rows' keys under a seed: a random order of rows that does not hang on their places."""
    return _mixed(key ^ _mixed(np.array([seed], np.int64).astype(np.uint64)))
