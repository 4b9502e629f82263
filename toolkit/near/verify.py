"""The exact Jaccard of candidate pairs, from the text: this is why precision is 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.near.compiled import kernel
from toolkit.near.shingles import distinct, shingles, table_size


@kernel
def verify(text: Any, kind: Any, pairs: Any, low: Any, high: Any, sizes: Any, threshold: Any, jaccard: Any) -> None:
    """`jaccard[i]` of the pair `left << 32 | right`; -1 where it is under the threshold.

    Pairs sorted by left cost one table for each left row and one pass for each right one.
    """
    scratch = np.empty(1024, np.uint64)
    slots, stamps = np.empty(2048, np.uint64), np.zeros(2048, np.int64)
    marks = np.zeros(2048, np.int64)
    stamp, current = 0, -1
    for at in range(low, high):
        a, b = np.int64(pairs[at] >> np.uint64(32)), np.int64(np.uint32(pairs[at]))
        room = max(text.stop[a] - text.start[a], text.stop[b] - text.start[b])
        if room > len(scratch):
            scratch = np.empty(2 * room, np.uint64)
        if a != current:
            count = shingles(text, a, kind, scratch)
            if 2 * count > len(slots):
                slots = np.empty(table_size(count), np.uint64)
                stamps = np.zeros(len(slots), np.int64)
                marks = np.zeros(len(slots), np.int64)
            stamp += 1
            distinct(scratch, count, slots, stamps, stamp)
            current = a
        count = shingles(text, b, kind, scratch)
        shared = shared_with(scratch, count, slots, stamps, stamp, marks, at + 1)
        union = sizes[a] + sizes[b] - shared
        exact = np.float64(shared) / np.float64(union)
        jaccard[at] = exact if exact >= threshold else -1.0


@kernel
def shared_with(values: Any, count: Any, slots: Any, stamps: Any, stamp: Any, marks: Any, mark: Any) -> Any:
    """How many distinct values are in the table; a mark keeps a repeat from counting twice."""
    mask = np.uint64(len(slots) - 1)
    shared = 0
    for at in range(count):
        value = values[at]
        slot = (value >> np.uint64(20)) & mask
        while stamps[slot] == stamp and slots[slot] != value:
            slot = (slot + np.uint64(1)) & mask
        if stamps[slot] == stamp and marks[slot] != mark:
            marks[slot] = mark
            shared += 1
    return shared
