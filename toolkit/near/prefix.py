"""Keys for the exact join: two sets of Jaccard t share one of each other's m - ceil(t m) + 1 rarest shingles.

AllPairs (Bayardo, Ma and Srikant 2007) with its order by rarity. What we changed: rarity is an upper
bound from a counter table, so no dictionary is built; a row with fewer than ceil(t m) shingles that
anyone else may have leaves before the join.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.near.compiled import kernel
from toolkit.near.scan import SLACK
from toolkit.near.shingles import FACTOR, distinct, longest_row, shingles, table_size

FULL = 65535


def prefix_lengths(sizes: Any, threshold: float) -> Any:
    """How many of the rarest shingles of a row must be looked up, shape (n,)."""
    most = sizes - np.ceil(threshold * sizes - SLACK).astype(np.int64) + 1
    return np.where(sizes > 0, np.minimum(most, sizes), 0)


@kernel
def count_rows(text: Any, kind: Any, table: Any, bits: Any) -> None:
    """Add every row's distinct shingles to `table` (2**bits counters of 16 bits that stop at 65535)."""
    longest = longest_row(text, 0, len(text.start))
    scratch, slots = np.empty(longest, np.uint64), np.empty(table_size(longest), np.uint64)
    for row in range(len(text.start)):
        count = distinct(scratch, shingles(text, row, kind, scratch), slots)
        for at in range(count):
            slot = scratch[at] >> np.uint64(64 - bits)
            if table[slot] < np.uint16(65535):
                table[slot] += np.uint16(1)


@kernel
def rarest(text: Any, kind: Any, table: Any, bits: Any, lengths: Any, keys: Any, rows: Any) -> Any:
    """Fill `keys` and `rows` with the rarest shingles of each row; returns how many there are."""
    longest = longest_row(text, 0, len(text.start))
    scratch, slots = np.empty(longest, np.uint64), np.empty(table_size(longest), np.uint64)
    filled = 0
    for row in range(len(text.start)):
        wanted = lengths[row]
        if wanted == 0:
            continue
        count = distinct(scratch, shingles(text, row, kind, scratch), slots)
        common = 0
        for at in range(count):
            seen = table[scratch[at] >> np.uint64(64 - bits)]
            if seen > 1:
                scratch[common] = (np.uint64(seen) << np.uint64(48)) | (scratch[at] >> np.uint64(16))
                common += 1
        # The shingles that nobody shares are the rarest: they fill the first places of the prefix.
        left = wanted - (count - common)
        if left <= 0:
            continue
        _smallest(scratch, common, left)
        for at in range(min(left, common)):
            keys[filled] = (scratch[at] * FACTOR) >> np.uint64(32)
            rows[filled] = row
            filled += 1
    return filled


@kernel
def _smallest(values: Any, count: Any, wanted: Any) -> None:
    """Move the `wanted` smallest of `values[:count]` to the front, in no order (Hoare's selection)."""
    low, high, target = 0, count - 1, wanted - 1
    while low < high and target < high + 1:
        pivot = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if target <= j:
            high = j
        elif target >= i:
            low = i
        else:
            return
