"""Number variants: the same words around different numbers, such as two problems of one template.

A number is a run of ASCII digits (NFKC has made the full-width ones ASCII), with its decimals and
its groups of thousands: `1,000.50` is one number, equal to `1000.50`. What this misses: numbers in
words, and digits of other scripts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.compiled import kernel
from toolkit.near.normal import Normal, join, normalise
from toolkit.near.pairs import Pairs, Texts
from toolkit.near.shingles import FACTOR, Kind, characters, distinct, mix, table_size
from toolkit.near.verify import shared_with

ALIKE = 0.9


def number_variants(texts: Texts, pairs: Pairs, *, reference: Texts | None = None) -> npt.NDArray[np.bool_]:
    """For each pair: do the numbers differ while the rest is equal, or nearly so? Shape (n_pairs,).

    Nearly: with each number masked, the 5-character shingles have a Jaccard of at least .9. `right`
    is a row of `reference` where that is given.
    """
    variant = np.zeros(len(pairs.left), np.bool_)
    left, left_at = np.unique(pairs.left, return_inverse=True)
    right, right_at = np.unique(pairs.right, return_inverse=True)
    rows = join(_rows(texts, left), _rows(texts if reference is None else reference, right))
    _compare(rows, Kind(False, 5), left_at, right_at + len(left), variant)
    return variant


def _rows(texts: Texts, rows: npt.NDArray[np.int64]) -> Normal:
    # 64-bit offsets, so that the rows taken may be over 2 GB together.
    return normalise(texts.cast(pa.large_string()).take(pa.array(rows)))


@kernel
def _compare(text: Any, kind: Any, left: Any, right: Any, variant: Any) -> None:
    for at in range(len(left)):
        a, b = left[at], right[at]
        first = np.empty(text.stop[a] - text.start[a], np.uint8)
        second = np.empty(text.stop[b] - text.start[b], np.uint8)
        size, numbers = _mask(text.data, text.start[a], text.stop[a], first)
        other_size, other_numbers = _mask(text.data, text.start[b], text.stop[b], second)
        if numbers != other_numbers:
            first, second = first[:size], second[:other_size]
            variant[at] = _alike(first, second, kind)


@kernel
def _mask(data: Any, start: Any, stop: Any, out: Any) -> Any:
    """Copy with each number as one `0`; returns the length and a hash of the numbers in their order."""
    size, at = 0, start
    numbers = np.uint64(0)
    while at < stop:
        if not _digit(data, at, stop):
            out[size] = data[at]
            size += 1
            at += 1
            continue
        number, fraction = np.uint64(1), False
        while at < stop:
            if _digit(data, at, stop):
                number = number * FACTOR + np.uint64(data[at])
            elif data[at] == 46 and not fraction and _digit(data, at + 1, stop):
                fraction = True
                number = number * FACTOR + np.uint64(46)
            elif not (data[at] == 44 and not fraction and _thousands(data, at + 1, stop)):
                break
            at += 1
        numbers = mix(numbers + mix(number))
        out[size] = 48
        size += 1
    return size, numbers


@kernel
def _digit(data: Any, at: Any, stop: Any) -> Any:
    return at < stop and 48 <= data[at] <= 57


@kernel
def _thousands(data: Any, at: Any, stop: Any) -> Any:
    for digit in range(3):
        if not _digit(data, at + digit, stop):
            return False
    return not _digit(data, at + 3, stop)


@kernel
def _alike(first: Any, second: Any, kind: Any) -> Any:
    if len(first) == len(second) and np.all(first == second):
        return True
    if len(first) > 2 * len(second) or len(second) > 2 * len(first):
        return False
    one, other = np.empty(len(first), np.uint64), np.empty(len(second), np.uint64)
    size = characters(first, 0, len(first), kind.length, one)
    other_size = characters(second, 0, len(second), kind.length, other)
    slots = np.empty(table_size(max(size, other_size)), np.uint64)
    marks = np.zeros(len(slots), np.int64)
    table = table_size(size)
    other_size = distinct(other, other_size, slots)
    size = distinct(one, size, slots)
    shared = shared_with(other, other_size, slots, table, marks, 1, 0.0)
    return shared > 0 and shared >= ALIKE * (size + other_size - shared)
