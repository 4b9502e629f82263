"""Keys for the exact join: two sets of Jaccard t share one of each other's m - ceil(t m) + 1 rarest shingles.

AllPairs (Bayardo, Ma and Srikant 2007) with its order by rarity, and the positions of PPJoin (Xiao et
al. 2008). What we changed: rarity is an upper bound from a counter table, so no dictionary is built;
a row with fewer than ceil(t m) shingles that anyone else may have leaves before the join; rows enter
by size, so that every list is sorted by size and is left as soon as the sizes are too far apart.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from toolkit.near.compiled import kernel
from toolkit.near.scan import LONG, MOST_PAIRS, SLACK, Met, Sets, collect, ones
from toolkit.near.shingles import FACTOR, longest_row, shingles, table_size, unique


def prefix_lengths(sizes: Any, threshold: float) -> Any:
    """How many of the rarest shingles of a row must be looked up, shape (n,)."""
    most = sizes - np.ceil(threshold * sizes - SLACK).astype(np.int64) + 1
    return np.where(sizes > 0, np.minimum(most, sizes), 0)


@kernel
def count_rows(text: Any, kind: Any, table: Any, bits: Any) -> None:
    """Add every row's distinct shingles to `table` (2**bits counters of 16 bits that stop at 65535)."""
    longest = longest_row(text, 0, len(text.start))
    scratch, spare = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    slots = np.empty(table_size(longest), np.uint64)
    for row in range(len(text.start)):
        count = unique(scratch, shingles(text, row, kind, scratch), spare, slots)
        for at in range(count):
            slot = scratch[at] >> np.uint64(64 - bits)
            if table[slot] < np.uint16(65535):
                table[slot] += np.uint16(1)


@kernel
def rarest(
    text: Any, kind: Any, table: Any, bits: Any, order: Any, lengths: Any, packed: Any, rows: Any, rests: Any
) -> Any:
    """The entries of every row's prefix, rows in `order`; returns how many there are.

    `packed` is `key << 32 | entry`, `rows` whose it is, and `rests` how many shingles of the row,
    this one among them, are no rarer.
    """
    longest = longest_row(text, 0, len(text.start))
    scratch, spare = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    slots = np.empty(table_size(longest), np.uint64)
    filled = 0
    for row in order:
        wanted = lengths[row]
        if wanted == 0:
            continue
        count = unique(scratch, shingles(text, row, kind, scratch), spare, slots)
        common = 0
        for at in range(count):
            seen = table[scratch[at] >> np.uint64(64 - bits)]
            # Written always and kept sometimes: no branch waits for the table, whose lines are far.
            scratch[common] = (np.uint64(seen) << np.uint64(48)) | (scratch[at] >> np.uint64(16))
            common += seen > 1
        # The shingles that nobody shares are the rarest: they fill the first places of the prefix.
        alone = count - common
        left = min(wanted - alone, common)
        if left <= 0:
            continue
        _smallest(scratch, common, left)
        scratch[:left].sort()
        for at in range(left):
            packed[filled] = (scratch[at] * FACTOR) & np.uint64(0xFFFFFFFF00000000) | np.uint64(filled)
            rows[filled] = row
            rests[filled] = common - at
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


def prefix_candidates(text: Any, kind: Any, sets: Sets, threshold: float, split: int) -> Met:
    """Every pair that may reach the threshold, as `candidates` of `scan` gives them; nothing true is lost.

    Memory: 16 bytes for each shingle of a prefix, and the counter table, at most 128 MB.
    """
    lengths = prefix_lengths(sets.sizes, threshold)
    bits = min(26, max(16, int(sets.sizes.sum()).bit_length()))
    table = np.zeros(1 << bits, np.uint16)
    count_rows(text, kind, table, bits)
    room = int(lengths.sum())
    packed = np.empty(room, np.uint64)
    rows, rests = np.empty(room, np.uint32), np.empty(room, np.uint32)
    order = np.argsort(sets.sizes, kind="stable")
    packed = packed[: rarest(text, kind, table, bits, order, lengths, packed, rows, rests)]
    packed.sort()

    step = partial(_meet_by_size, packed, rows, rests, sets, threshold, split)
    return collect(step, len(packed), len(order), MOST_PAIRS)


@kernel
def _meet_by_size(
    packed: Any, owners: Any, rests: Any, sets: Any, threshold: Any, split: Any, at: Any, out: Any
) -> Any:
    """As `_pairs` of `scan`, for entries in the order of their sizes; returns where to go on, pairs and meetings.

    The first shingle that two rows share leaves min(rest, rest) that they may share, and J >= t
    asks for part (|A| + |B|) of them.
    """
    total, count, met = len(packed), 0, 0
    rows, sizes, left = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    bitmaps = np.empty((64, 4), np.uint64)
    high, part, unlike = np.uint64(32), threshold / (1.0 + threshold), (1.0 - threshold) / (1.0 + threshold)
    while at < total:
        key = packed[at] >> high
        first, last = at, at + 1
        while first > 0 and packed[first - 1] >> high == key:
            first -= 1
        while last < total and packed[last] >> high == key:
            last += 1
        many = last - first
        if many > len(rows):
            rows, sizes, left = np.empty(2 * many, np.int64), np.empty(2 * many, np.int64), np.empty(2 * many, np.int64)
            bitmaps = np.empty((2 * many, 4), np.uint64)
        here = 0
        for one in range(many if many > 1 else 0):
            entry = np.int64(np.uint32(packed[first + one]))
            row = np.int64(owners[entry])
            here += row < split
            rows[one], sizes[one], left[one] = row, sets.sizes[row], rests[entry]
            for word in range(4):
                bitmaps[one, word] = sets.bitmaps[row, word]
        if many == 1 or (split > 0 and (here == 0 or here == many)):
            at = last
            continue
        for one in range(at - first, many):
            size, row = sizes[one], rows[one]
            most = min(size / threshold, left[one] / part - size) + SLACK
            if count + many - one > len(out):
                return first + one, count, met
            b0, b1, b2, b3 = bitmaps[one]
            for other in range(one + 1, many):
                if sizes[other] > most:
                    break
                met += 1
                both = size + sizes[other]
                differ = ones(bitmaps[other, 0] ^ b0) + ones(bitmaps[other, 1] ^ b1)
                differ += ones(bitmaps[other, 2] ^ b2) + ones(bitmaps[other, 3] ^ b3)
                if (left[other] >= both * part - SLACK) & (differ <= both * unlike + SLACK):
                    with_row = rows[other]
                    if row == with_row or (split > 0 and (row < split) == (with_row < split)):
                        continue
                    if size <= LONG or _near(sets.wide[row], sets.wide[with_row], both * unlike):
                        out[count] = (np.uint64(min(row, with_row)) << high) | np.uint64(max(row, with_row))
                        count += 1
        at = last
    return at, count, met


@kernel
def _near(here: Any, there: Any, most: Any) -> Any:
    differ = 0
    for word in range(len(here)):
        differ += ones(here[word] ^ there[word])
    return differ <= most + SLACK
