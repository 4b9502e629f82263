"""The exact Jaccard of candidate pairs, from the text: this is why precision is 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.near.compiled import kernel
from toolkit.near.scan import SLACK
from toolkit.near.shingles import FREE, distinct, shingles, table_size


@kernel
def verify(text: Any, kind: Any, pairs: Any, low: Any, high: Any, sizes: Any, threshold: Any, jaccard: Any) -> None:
    """`jaccard[i]` of the pair `left << 32 | right`; -1 where it is under the threshold.

    Pairs sorted by left cost one table for each left row and one pass for each right one.
    """
    longest = _longest(text, pairs, low, high)
    scratch, slots = np.empty(longest, np.uint64), np.empty(table_size(longest), np.uint64)
    marks = np.zeros(len(slots), np.int64)
    table, current = 64, np.uint64(0xFFFFFFFFFFFFFFFF)
    for at in range(low, high):
        left, b = pairs[at] >> np.uint64(32), np.int64(np.uint32(pairs[at]))
        a = np.int64(left)
        if left != current:
            count = shingles(text, a, kind, scratch)
            distinct(scratch, count, slots)
            table, current = table_size(count), left
        count = shingles(text, b, kind, scratch)
        union_least = max(sizes[a], sizes[b])
        total = sizes[a] + sizes[b]
        wanted = max(threshold * union_least, total * threshold / (1.0 + threshold)) - SLACK
        shared = shared_with(scratch, count, slots, table, marks, at + 1, wanted)
        exact = np.float64(shared) / np.float64(total - shared)
        jaccard[at] = exact if exact >= threshold else -1.0


@kernel
def _longest(text: Any, pairs: Any, low: Any, high: Any) -> Any:
    longest = 1
    for at in range(low, high):
        a, b = np.int64(pairs[at] >> np.uint64(32)), np.int64(np.uint32(pairs[at]))
        longest = max(longest, text.stop[a] - text.start[a], text.stop[b] - text.start[b])
    return longest


@kernel
def shared_with(values: Any, count: Any, slots: Any, table: Any, marks: Any, mark: Any, wanted: Any) -> Any:
    """How many distinct values are in `slots[:table]`; gives up, with less, when `wanted` is out of reach.

    A mark in the slot keeps a repeat from counting twice; `mark` is new for each call.
    """
    mask = np.uint64(table - 1)
    shared = 0
    for at in range(count):
        value = values[at]
        slot = (value >> np.uint64(20)) & mask
        while slots[slot] != value and slots[slot] != FREE:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] == value and value != FREE and marks[slot] != mark:
            marks[slot] = mark
            shared += 1
        elif shared + (count - at) < wanted:
            return shared
    return shared
