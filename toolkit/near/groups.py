"""Exact duplicates: rows whose normalised text is the same, found by hash and confirmed by bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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
    """Eight bytes at a time."""
    folded = np.uint64(end - begin)
    at = begin
    while at + 8 <= end:
        word = np.uint64(0)
        for byte in range(8):
            word |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
        folded = (folded ^ word) * FACTOR
        folded ^= folded >> np.uint64(29)
        at += 8
    word = np.uint64(0)
    while at < end:
        word = (word << np.uint64(8)) | np.uint64(data[at])
        at += 1
    return mix(folded ^ word)


@kernel
def _same(data: Any, begin: Any, end: Any, other: Any, other_end: Any) -> Any:
    if end - begin != other_end - other:
        return False
    for at in range(end - begin):  # noqa: SIM110 (a generator does not compile)
        if data[begin + at] != data[other + at]:
            return False
    return True
