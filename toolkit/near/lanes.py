"""Min-hash lanes: K = bands * rows minima of multiplied hashes, a key a band (Broder 1997; Indyk and Motwani 1998).

What we changed: one 32-bit base hash and a multiplication a lane (the inner loop becomes vector
instructions), a parity bitmap and the size of the set beside the keys, for the filters of `scan`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.compiled import kernel
from toolkit.near.scan import LONG
from toolkit.near.shingles import FACTOR, longest_row, mix, shingles, table_size, unique


class Plan(NamedTuple):
    """`bands` keys of `rows` lanes each."""

    bands: int
    rows: int


def plan_with(rows: int, threshold: float, recall: float) -> Plan:
    """The fewest bands that find a pair right at the threshold with chance `recall`."""
    missed = math.log1p(-(threshold**rows)) if threshold < 1 else -math.inf
    return Plan(max(1, math.ceil(math.log1p(-recall) / missed)), rows)


def lanes_of(plan: Plan, shingles_a_row: float, meetings_a_row: float) -> int:
    """As many as the bands need; for long rows enough to tell unlike rows apart before the text is read."""
    enough = 80 if meetings_a_row > 1 else 32
    return max(plan.bands * plan.rows, enough if shingles_a_row > LONG / 2 else 0)


def cheapest_plan(
    rows: int, shingles_a_row: float, chances: Sequence[float], threshold: float, recall: float
) -> tuple[Plan, int]:
    """The plan of least cost, and how many lanes: `chances[r - 1]` is how often two random rows agree in r lanes.

    More lanes a key mean fewer chance meetings and more bands. The weights are nanoseconds measured
    on one machine with AVX-512; where they are off, only time is lost.
    """

    def needed(plan: Plan) -> int:
        return lanes_of(plan, shingles_a_row, chances[plan.rows - 1] * rows / 2 * plan.bands)

    def cost(plan: Plan) -> float:
        meetings = chances[plan.rows - 1] * rows / 2 * plan.bands * 9.0
        return shingles_a_row * needed(plan) * 0.08 + plan.bands * 20.0 + meetings

    plan = min((plan_with(r, threshold, recall) for r in range(2, len(chances) + 1)), key=cost)
    return plan, needed(plan)


def meeting_chances(keys: npt.NDArray[np.uint32]) -> list[float]:
    """How often two rows agree in r lanes, r = 1 to 8, from a sample's keys of one lane each (lanes, n)."""
    lanes, n = keys.shape
    pairs = max(1.0, n * (n - 1) / 2)
    chances = []
    for r in range(1, 9):
        bands = lanes // r
        folded = np.zeros((bands, n), np.uint64)
        for lane in range(r):
            folded = folded * FACTOR + keys[lane * bands : (lane + 1) * bands]
        met = 0.0
        for band in range(bands):
            group = np.unique(folded[band], return_counts=True)[1].astype(np.float64)
            met += float((group * (group - 1) / 2).sum())
        chances.append(met / bands / pairs)
    return chances


def multipliers(count: int, seed: int) -> npt.NDArray[np.uint32]:
    """Odd 32-bit numbers, one a lane."""
    return np.random.default_rng([0x5EED, seed]).integers(0, 2**32, count, dtype=np.uint32) | np.uint32(1)


@kernel
def sketch(text: Any, kind: Any, low: Any, high: Any, lanes: Any, rows: Any, sets: Any, keys: Any) -> None:
    """For rows low to high fill `sets.sizes` (n,), `sets.bitmaps` (n, 4) and `keys` (bands, n).

    A row without shingles has size 0, and keys of no meaning.
    """
    sizes, bitmaps = sets.sizes, sets.bitmaps
    longest = longest_row(text, low, high)
    scratch, spare = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    slots = np.empty(table_size(longest), np.uint64)
    narrow, minima = np.empty(longest + 3, np.uint32), np.empty(len(lanes), np.uint32)
    for row in range(low, high):
        count = unique(scratch, shingles(text, row, kind, scratch), spare, slots)
        sizes[row] = count
        _parities(scratch, count, bitmaps[row])
        if count > LONG and sets.wide.shape[1] > 0:
            _wide_parities(scratch, count, sets.wide[row])
        if count == 0 or len(lanes) == 0:
            continue
        for at in range(count):
            narrow[at] = scratch[at] >> np.uint64(32)
        _minima(narrow, count, lanes, minima)
        if count > LONG:
            for lane in range(len(lanes)):
                sets.minima[row, lane] = minima[lane] & np.uint32(255)
        for band in range(keys.shape[0]):
            folded = np.uint64(0)
            for lane in range(band * rows, band * rows + rows):
                folded = folded * FACTOR + np.uint64(minima[lane])
            keys[band, row] = mix(folded) >> np.uint64(32)


@kernel
def _parities(values: Any, count: Any, words: Any) -> None:
    """In four registers: a word in memory would be waited for again and again."""
    a = b = c = d = np.uint64(0)
    for at in range(count):
        value = values[at]
        bit, word = np.uint64(1) << (value & np.uint64(63)), value & np.uint64(192)
        a ^= bit if word == 0 else np.uint64(0)
        b ^= bit if word == 64 else np.uint64(0)
        c ^= bit if word == 128 else np.uint64(0)
        d ^= bit if word == 192 else np.uint64(0)
    words[0], words[1], words[2], words[3] = a, b, c, d


@kernel
def _wide_parities(values: Any, count: Any, words: Any) -> None:
    words[:] = 0
    for at in range(count):
        bit = (values[at] >> np.uint64(8)) & np.uint64(64 * len(words) - 1)
        words[bit >> np.uint64(6)] ^= np.uint64(1) << (bit & np.uint64(63))


@kernel
def _minima(values: Any, count: Any, lanes: Any, minima: Any) -> None:
    """Four values at a time against every lane: the inner loop is vector instructions."""
    for lane in range(len(lanes)):
        minima[lane] = 0xFFFFFFFF
    # A tail of repeats changes no minimum.
    values[count] = values[count + 1] = values[count + 2] = values[0]
    for at in range(0, count, 4):
        a, b, c, d = values[at], values[at + 1], values[at + 2], values[at + 3]
        for lane in range(len(lanes)):
            by = lanes[lane]
            first = min(np.uint32(a * by), np.uint32(b * by))
            second = min(np.uint32(c * by), np.uint32(d * by))
            minima[lane] = min(minima[lane], min(first, second))
