"""From keys to candidate pairs: rows that share a key, less those that cannot reach the threshold.

Two filters are upper bounds, so nothing true is lost. Sizes: J <= small / large. Bitmaps: a bit
is the parity of the shingles that hash to it, so the parities that differ count at most |A xor B|
(after Swamidass and Baldi 2007; parity, unlike OR, does not fill up).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import MachineError
from toolkit.near.compiled import kernel

Packed = npt.NDArray[np.uint64]
# Groups over this many rows are not compared all with all, see `_pairs`.
CROWD = 512
WINDOW = 4
_BUFFER = 1 << 20
# What fits: a pair takes about 50 bytes on its way out.
MOST_PAIRS = 1 << 26
SLACK = 1e-9
LONG = 192


class Sets(NamedTuple):
    """What the filters know of each row of n: `sizes` (n,) and `bitmaps` (n, 4), uint64 parities.

    Rows over LONG shingles, where 256 parities say little, have one of these more. An exact join
    has `wide` (n, 32), parities again. The other has `minima` (n, lanes), the low bytes of the lane
    minima: two rows with fewer than `agree` of them equal are taken to be under the threshold. That
    is four standard deviations off, and the one filter that may lose a pair: about 1 in 30,000.
    """

    sizes: npt.NDArray[np.int64]
    bitmaps: npt.NDArray[np.uint64]
    wide: npt.NDArray[np.uint64]
    minima: npt.NDArray[np.uint8]
    agree: int


def sets_for(rows: int, lanes: int, threshold: float) -> Sets:
    """Room for `rows` rows, for an exact join when `lanes` is 0; what stays unwritten costs no memory."""
    agree = max(0, int(lanes * threshold - 4.0 * (lanes * threshold * (1.0 - threshold)) ** 0.5))
    wide, minima = np.empty((rows, 0 if lanes else 32), np.uint64), np.empty((rows, lanes), np.uint8)
    return Sets(np.zeros(rows, np.int64), np.zeros((rows, 4), np.uint64), wide, minima, agree)


class TooManyError(MachineError):
    """More pairs than can be listed."""


class Met(NamedTuple):
    """Sorted distinct pairs `left << 32 | right` of rows, left < right, and how often two rows met to find them."""

    pairs: Packed
    meetings: int


# From a position and a buffer to where to go on, how many pairs are in the buffer, and the meetings.
Step: TypeAlias = Callable[[int, Packed], tuple[int, int, int]]


def candidates(
    keys: npt.NDArray[np.uint32],
    rows: npt.NDArray[np.uint32],
    sets: Sets,
    *,
    threshold: float,
    split: int,
    crowd: int,
    most: int,
) -> Met:
    """Pairs of rows with an equal key that may reach the threshold.

    `split` > 0 asks only for pairs with left < split <= right. Memory: 8 bytes a key that occurs
    more than once, and 8 a pair. TooManyError over `most` pairs.
    """
    packed = np.empty(len(keys), np.uint64)
    bits = min(28, max(10, len(keys).bit_length() + 2))
    packed = packed[: _repeated(keys, rows, np.zeros(1 << (bits - 2), np.uint8), bits, packed)]
    packed.sort()

    step = partial(_pairs, packed, sets, threshold, split, crowd)
    return collect(step, len(packed), len(sets.sizes), most)


def collect(step: Step, entries: int, rows: int, most: int) -> Met:
    """What `step(at, buffer)` finds, until it has gone through all entries. TooManyError over `most` pairs."""
    union, at, meetings = Union(most), 0, 0
    buffer = np.empty(max(_BUFFER, 2 * rows), np.uint64)
    while at < entries:
        at, count, met = step(at, buffer)
        union.add(sorted_set(buffer[:count]))
        meetings += met
    return Met(union.pairs(), meetings)


def sorted_set(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The distinct values, sorted: by sorting, since numpy's `unique` hashes, and packed pairs collide there."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


class Union:
    """Distinct pairs, gathered piece by piece; TooManyError when there are more than `most`."""

    def __init__(self, most: int) -> None:
        self._most, self._pieces, self._held = most, [np.empty(0, np.uint64)], 0

    def add(self, pairs: Packed) -> None:
        self._pieces.append(pairs)
        self._held += len(pairs)
        if self._held > 2 * self._most:
            self._pieces = [self.pairs()]
            self._held = len(self._pieces[0])

    def pairs(self) -> Packed:
        """All of them, sorted."""
        found = sorted_set(np.concatenate(self._pieces))
        if len(found) > self._most:
            raise TooManyError(
                f"over {self._most:,} pairs of rows may be near-duplicates: too many to list",
                "a higher threshold, longer shingles, or no exact join: then crowds are sampled",
            )
        return found


@kernel
def _repeated(keys: Any, rows: Any, seen: Any, bits: Any, packed: Any) -> Any:
    """Pack `key << 32 | row` for the keys whose slot was hit twice; most keys are alone and need no sorting."""
    shift = np.uint32(32 - bits)
    for at in range(len(keys)):
        slot = keys[at] >> shift
        place, turn = slot >> np.uint32(2), np.uint8((slot & np.uint32(3)) << np.uint32(1))
        if (seen[place] >> turn) & np.uint8(3) < 2:
            seen[place] += np.uint8(1) << turn
    count = 0
    for at in range(len(keys)):
        slot = keys[at] >> shift
        if (seen[slot >> np.uint32(2)] >> np.uint8((slot & np.uint32(3)) << np.uint32(1))) & np.uint8(3) == 2:
            packed[count] = (np.uint64(keys[at]) << np.uint64(32)) | np.uint64(rows[at])
            count += 1
    return count


@kernel
def _pairs(packed: Any, sets: Any, threshold: Any, split: Any, crowd: Any, at: Any, out: Any) -> Any:
    """Fill `out` from position `at` on; returns where to go on, how many pairs are in `out`, and the meetings.

    In a group of more than `crowd` rows, the first WINDOW rows meet all, and each row the WINDOW
    after it: linear, where all pairs would be quadratic.
    """
    total, count, met = len(packed), 0, 0
    sizes, bitmaps = np.empty(64, np.int64), np.empty((64, 4), np.uint64)
    high = np.uint64(32)
    while at < total:
        key = packed[at] >> high
        first, last = at, at + 1
        while first > 0 and packed[first - 1] >> high == key:
            first -= 1
        while last < total and packed[last] >> high == key:
            last += 1
        middle = first
        while split > 0 and middle < last and np.int64(np.uint32(packed[middle])) < split:
            middle += 1
        if last - first == 1:
            at = last
            continue
        if last - first > len(sizes):
            sizes, bitmaps = np.empty(2 * (last - first), np.int64), np.empty((2 * (last - first), 4), np.uint64)
        _gather(packed, first, last, sets, sizes, bitmaps)
        crowded = last - first > crowd
        for left in range(at, last if split == 0 else middle):
            if count + last - left > len(out):
                return left, count, met
            begin = max(left + 1, middle)
            end = last
            if crowded and left >= first + WINDOW:
                end = min(last, begin + WINDOW)
            met += max(0, end - begin)
            count = _meet(packed, left, begin, end, first, sets, sizes, bitmaps, threshold, out, count)
        at = last
    return at, count, met


@kernel
def _gather(packed: Any, first: Any, last: Any, sets: Any, sizes: Any, bitmaps: Any) -> None:
    """A group's sizes and parities side by side: all meet all in there, and memory is far."""
    for at in range(last - first):
        row = np.int64(np.uint32(packed[first + at]))
        sizes[at] = sets.sizes[row]
        for word in range(4):
            bitmaps[at, word] = sets.bitmaps[row, word]


@kernel
def _meet(
    packed: Any, left: Any, begin: Any, end: Any, first: Any, sets: Any, sizes: Any, bitmaps: Any,
    threshold: Any, out: Any, count: Any,
) -> Any:  # fmt: skip
    """Write the pairs of `left` with `begin` to `end` that may reach the threshold."""
    size, row = sizes[left - first], packed[left] & np.uint64(0xFFFFFFFF)
    b0, b1, b2, b3 = bitmaps[left - first]
    least, most = threshold * size - SLACK, size / threshold + SLACK
    # J = (s - d) / (s + d) with s the sum of sizes and d the symmetric difference; J >= t solved for d.
    part = (1.0 - threshold) / (1.0 + threshold)
    for at in range(begin - first, end - first):
        other = sizes[at]
        differ = ones(bitmaps[at, 0] ^ b0) + ones(bitmaps[at, 1] ^ b1)
        differ += ones(bitmaps[at, 2] ^ b2) + ones(bitmaps[at, 3] ^ b3)
        if (other >= least) & (other <= most) & (differ <= (size + other) * part + SLACK):
            right = packed[first + at] & np.uint64(0xFFFFFFFF)
            if right == row:
                continue
            if min(size, other) <= LONG or _agree(sets, np.int64(row), np.int64(right)):
                out[count] = (row << np.uint64(32)) | right
                count += 1
    return count


@kernel
def _agree(sets: Any, a: Any, b: Any) -> Any:
    one, other = sets.minima[a], sets.minima[b]
    equal = 0
    for lane in range(len(one)):
        equal += one[lane] == other[lane]
    return equal >= sets.agree


@kernel
def ones(word: Any) -> Any:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
