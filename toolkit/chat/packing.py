"""How many sequences a trainer joins its rows into, and the steps of a pass over them."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 1000
"""Rows that are packed together: those of one batch of `datasets.map`."""
SAMPLE = 20_000
"""Rows on which a packing in a random order is tried; more are reckoned from them."""


class Packed(NamedTuple):
    """sequences: that reach the model in a pass, in `steps` optimizer steps. room: tokens that a sequence holds."""

    sequences: int
    steps: int
    room: int


Pack = Callable[[list[int], int], int]


def blocks(lengths: Sequence[int], room: int, pack: Pack) -> int:
    """Sequences when every thousand rows of a file are packed on their own. lengths: 0 for a row that is dropped."""
    return sum(pack([n for n in lengths[at : at + BLOCK] if n], room) for at in range(0, len(lengths), BLOCK))


def best_fit(lengths: list[int], room: int) -> int:
    """Sequences after best fit, the longest rows first: TRL's `bfd`. No row is longer than `room`."""
    spaces: list[int] = []
    n = 0
    for length in sorted(lengths, reverse=True):
        at = bisect.bisect_left(spaces, length)
        if at == len(spaces):
            n += 1
            left = room - length
        else:
            left = spaces.pop(at) - length
        if left:
            bisect.insort(spaces, left)
    return n


def split(lengths: list[int], room: int) -> int:
    """Best fit of rows that are cut into pieces of `room` first: TRL's `bfd_split`."""
    return best_fit([min(room, n - at) for n in lengths for at in range(0, n, room)], room)


def wrapped(lengths: list[int], room: int) -> int:
    """Sequences of one text cut every `room` tokens: TRL's `wrapped`."""
    return -(-sum(lengths) // room)


def knapsacks(lengths: list[int], room: int) -> int:
    """Sequences that are filled one after the other, each with the longest row that still fits: LLaMA-Factory's."""
    left = sorted(lengths)
    n = 0
    while left:
        space = room
        while at := bisect.bisect_right(left, space):
            space -= left.pop(at - 1)
        n += 1
    return n


def first_fit(lengths: Sequence[int], room: int, most: int) -> int:
    """About how many sequences hold the rows in a random order, each in the first with room and under `most` rows.

    Axolotl's way, whose order differs from pass to pass; here it is one order of at most 20,000 rows.
    """
    some = np.random.default_rng(0).permutation(np.asarray([n for n in lengths if n], np.int64))[:SAMPLE]
    spaces = np.full(len(some) + 1, room, np.int64)  # one that is not begun yet is always there
    rows = np.zeros(len(spaces), np.int64)
    begun = 0
    for length in some.tolist():
        at = int(np.argmax(spaces[: begun + 1] >= length))
        begun += at == begun
        rows[at] += 1
        spaces[at] = spaces[at] - length if rows[at] < most else 0
    return round(begun * np.count_nonzero(lengths) / max(1, len(some)))
