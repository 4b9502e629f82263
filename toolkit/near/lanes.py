"""Min-hash lanes: K = bands * rows minima of multiplied hashes, a key a band (Broder 1997; Indyk and Motwani 1998).

What we changed: one 32-bit base hash and a multiplication a lane (the inner loop becomes vector
instructions), a parity bitmap and the size of the set beside the keys, for the filters of `scan`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.compiled import kernel
from toolkit.near.shingles import distinct, mix, shingles, table_size


class Plan(NamedTuple):
    """`bands` keys of `rows` lanes each."""

    bands: int
    rows: int


def recall_of(plan: Plan, jaccard: float) -> float:
    """The chance that a pair of this Jaccard shares a key."""
    return 1.0 - (1.0 - jaccard**plan.rows) ** plan.bands


def plan_with(rows: int, threshold: float, recall: float) -> Plan:
    """The fewest bands that find a pair right at the threshold with chance `recall`."""
    missed = math.log1p(-(threshold**rows)) if threshold < 1 else -math.inf
    return Plan(max(1, math.ceil(math.log1p(-recall) / missed)), rows)


def multipliers(count: int, seed: int) -> npt.NDArray[np.uint32]:
    """Odd 32-bit numbers, one a lane."""
    return np.random.default_rng([0x5EED, seed]).integers(0, 2**32, count, dtype=np.uint32) | np.uint32(1)


@kernel
def sketch(text: Any, kind: Any, low: Any, high: Any, lanes: Any, rows: Any, sets: Any, keys: Any) -> None:
    """For rows low to high fill `sets.sizes` (n,), `sets.bitmaps` (n, 4) and `keys` (bands, n).

    A row without shingles has size 0, and keys of no meaning.
    """
    sizes, bitmaps = sets
    scratch = np.empty(1024, np.uint64)
    narrow = np.empty(1024 + 16, np.uint32)
    slots, stamps = np.empty(2048, np.uint64), np.zeros(2048, np.int64)
    minima = np.empty(len(lanes), np.uint32)
    for row in range(low, high):
        room = text.stop[row] - text.start[row]
        if room > len(scratch):
            scratch = np.empty(2 * room, np.uint64)
            narrow = np.empty(2 * room + 16, np.uint32)
        count = shingles(text, row, kind, scratch)
        if 2 * count > len(slots):
            slots = np.empty(table_size(count), np.uint64)
            stamps = np.zeros(len(slots), np.int64)
        count = distinct(scratch, count, slots, stamps, row + 1)
        sizes[row] = count
        for word in range(bitmaps.shape[1]):
            bitmaps[row, word] = 0
        for at in range(count):
            bit = scratch[at] & np.uint64(255)
            bitmaps[row, bit >> np.uint64(6)] ^= np.uint64(1) << (bit & np.uint64(63))
            narrow[at] = scratch[at] >> np.uint64(32)
        if count == 0 or len(lanes) == 0:
            continue
        # Whole vectors only: a tail of repeats changes no minimum.
        padded = (count + 15) & ~15
        for at in range(count, padded):
            narrow[at] = narrow[0]
        for lane in range(len(lanes)):
            minima[lane] = _least(narrow, padded, lanes[lane])
        for band in range(keys.shape[0]):
            folded = np.uint64(band)
            for lane in range(band * rows, band * rows + rows):
                folded = mix(folded + np.uint64(minima[lane]))
            keys[band, row] = folded >> np.uint64(32)


@kernel
def _least(values: Any, count: Any, multiplier: Any) -> Any:
    least = np.uint32(0xFFFFFFFF)
    for at in range(count):
        least = min(least, np.uint32(values[at] * multiplier))
    return least
