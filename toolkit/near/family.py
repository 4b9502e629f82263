"""Families that stand on two sides: rows with the same parent, document, conversation, seed or group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import orjson

from toolkit.near.ties import FAMILIES, ROW_ID, _values
from toolkit.store.view import View

READS = ("group", "lineage", "hash", "ref")
GROUP = "group"
# A seed or a template that very many rows share is how a set was made, not a family; the split says the same.
SHARE, FEW = 0.02, 50


@dataclass
class Members:
    """Who belongs to which families. of: (row, ref) of each member, by (kind, value). rows: how many there are."""

    of: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    names: dict[str, tuple[int, str]] = field(default_factory=dict)
    rows: int = 0


def members(view: View) -> Members:
    """One pass over a view that may read `READS`. Rows without group and lineage cost nothing."""
    found = Members()
    for batch in view.batches(*READS):
        found.rows += len(batch)
        groups, lineage = batch.column("group"), batch.column("lineage")
        if groups.null_count == lineage.null_count == len(batch):
            continue
        rows, refs = batch.column("row").to_pylist(), batch.column("ref").to_pylist()
        for row, ref, group, told in zip(rows, refs, groups.to_pylist(), lineage.to_pylist(), strict=True):
            for key in _keys(group, told):
                found.of.setdefault(key, []).append((row, ref))
    return found


def adopt(view: View, found: Members, other: Members) -> None:
    """A row that a row of the other side names as its parent, by its id or its hash, is of that family."""
    named = {value for kind, value in other.of if kind == "parents"}
    if not named:
        return
    hashes = np.array([int(name[:16], 16) for name in named if ROW_ID.fullmatch(name)], np.uint64)
    for batch in view.batches("hash", "ref"):
        own = batch.column("hash").to_numpy()
        for at, ref in enumerate(batch.column("ref").to_pylist()):
            if ref in named:
                found.of.setdefault(("parents", ref), []).append((batch.column("row")[at].as_py(), ref))
        for at in np.flatnonzero(np.isin(own, hashes)).tolist():
            name = next(each for each in sorted(named) if each.startswith(f"{int(own[at]):016x}"))
            found.of.setdefault(("parents", name), []).append(
                (batch.column("row")[at].as_py(), batch.column("ref")[at].as_py())
            )


def across(own: Members, other: Members) -> tuple[dict[int, tuple[str, str, str]], Counter[str], Counter[str]]:
    """For each row of the first with kin in the second: the kind of family, its value, and one of the kin.

    With them how many families of each kind stand on both sides, and how many rows are in values that too
    many rows share to be families; declared groups are families of any size.
    """
    kin: dict[int, tuple[str, str, str]] = {}
    split: Counter[str] = Counter()
    crowd: Counter[str] = Counter()
    most = max(FEW, int(SHARE * (own.rows + other.rows)))
    for key in sorted(own.of.keys() & other.of.keys(), key=lambda key: (key[0] != GROUP, key)):
        kind, value = key
        mine, theirs = own.of[key], other.of[key]
        if kind != GROUP and len(mine) + len(theirs) > most:
            crowd[kind] += len(mine)
            continue
        split[kind] += 1
        for row, _ in mine:
            kin.setdefault(row, (kind, value, theirs[0][1]))
    return kin, split, crowd


def _keys(group: str | None, lineage: str | None) -> Iterator[tuple[str, str]]:
    if group is not None:
        yield GROUP, group
    told = orjson.loads(lineage) if lineage else {}
    for name in FAMILIES:
        for value in dict.fromkeys(_values(told.get(name))):
            yield name, value
