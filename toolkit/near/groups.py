"""Exact duplicates: rows whose normalised text is the same, found by hash and confirmed by bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.near.blocks import eight
from toolkit.near.compiled import kernel
from toolkit.near.normal import Normal
from toolkit.near.shingles import FACTOR, mix

Ints = npt.NDArray[np.int64]
# Groups up to this size are listed pair by pair; larger ones as a star around their first row.
STAR = 64


def groups_of(normal: Normal) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """The first row with the same text, and a hash of it, both (n,); an empty row is only itself.

    The hash gives an order of the rows that does not depend on their places.
    """
    n = len(normal.start)
    bits = max(6, (2 * n).bit_length())
    first, hashes = np.empty(n, np.int64), np.zeros(n, np.uint64)
    _group(normal.data, normal.start, normal.stop, np.full(1 << bits, -1, np.int32), first, hashes)
    return first, hashes


@kernel
def _group(data: Any, start: Any, stop: Any, table: Any, first: Any, hashes: Any) -> None:
    mask = np.uint64(len(table) - 1)
    for row in range(len(start)):
        first[row] = row
        begin, end = start[row], stop[row]
        if begin == end:
            continue
        hashes[row] = _hash(data, begin, end)
        slot = hashes[row] & mask
        while table[slot] >= 0 and not _same(data, begin, end, start[table[slot]], stop[table[slot]]):
            slot = (slot + np.uint64(1)) & mask
        if table[slot] >= 0:
            first[row] = table[slot]
        else:
            table[slot] = row


@kernel
def _hash(data: Any, begin: Any, end: Any) -> Any:
    """Eight bytes at a time in four chains, so that no multiplication waits for another; the last eight overlap."""
    size = end - begin
    a = b = c = d = np.uint64(size)
    if size < 8:
        for at in range(begin, end):
            a = (a ^ np.uint64(data[at])) * FACTOR
        return mix(a)
    at = begin
    while at + 32 <= end:
        a, b = _folded(a, eight(data, at)), _folded(b, eight(data, at + 8))
        c, d = _folded(c, eight(data, at + 16)), _folded(d, eight(data, at + 24))
        at += 32
    while at + 8 <= end:
        a = _folded(a, eight(data, at))
        at += 8
    a = _folded(_folded(a, eight(data, end - 8)), b)
    return mix(_folded(_folded(a, c), d))


@kernel
def _folded(value: Any, word: Any) -> Any:
    value = (value ^ word) * FACTOR
    return value ^ (value >> np.uint64(29))


@kernel
def _same(data: Any, begin: Any, end: Any, other: Any, other_end: Any) -> Any:
    if end - begin != other_end - other:
        return False
    for at in range(end - begin):  # noqa: SIM110 (a generator does not compile)
        if data[begin + at] != data[other + at]:
            return False
    return True
