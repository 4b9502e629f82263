"""Loops in texts: a stretch that follows itself again and again, found in one pass over the bytes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.compiled import kernel
from toolkit.near.shingles import FACTOR

Ints = npt.NDArray[np.int64]
BITS = 14
LONG, BETWEEN = 100, 12


class Loops(NamedTuple):
    """The longest loop of every text, shape (n_texts,) each.

    start: byte of the text at which its second copy begins. period: bytes of one copy, 0 where there
    is no loop. run: bytes that repeat what stands one period before them, so there are run / period + 1 copies.
    """

    start: Ints
    period: Ints
    run: Ints


def loops(texts: pa.Array, *, copies: int = 4, least: int = 60) -> Loops:
    """The longest loop of every text that has at least `copies` copies and `least` repeated bytes.

    Three copies are enough of a stretch of 100 bytes and more.

    Time is linear in the bytes, whatever they are; a null is an empty text. A stretch that changes with
    every copy, as in a numbered list, is no loop. Periods under 8 bytes are found at their multiples.
    """
    large = texts.cast(pa.large_string())
    _, ends, values = large.buffers()
    offsets = np.frombuffer(ends, np.int64, len(large) + 1, 8 * large.offset)
    data = np.frombuffer(values, np.uint8) if values is not None and values.size else np.zeros(0, np.uint8)
    found = Loops(*(np.zeros(len(large), np.int64) for _ in range(3)))
    _scan(data, offsets, np.full(1 << BITS, -1, np.int64), np.array([copies - 1, least]), found)
    return found


@kernel
def _scan(data: Any, offsets: Any, seen: Any, least: Any, found: Any) -> None:
    """`seen` holds where a window of 8 bytes was last; positions only grow, so it is never cleared."""
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        word, run, period = np.uint64(0), 0, 0
        for at in range(begin, end):
            word = (word >> np.uint64(8)) | (np.uint64(data[at]) << np.uint64(56))
            if at - begin < 7:
                continue
            slot = (word * FACTOR) >> np.uint64(64 - BITS)
            before, seen[slot] = seen[slot], at
            if run > 0 and data[at] == data[at - period]:
                run += 1
            elif before >= begin + 7 and data[before] == data[at]:
                run, period = 1, at - before
            else:
                run = 0
            # Of a long stretch three copies are enough: behind the last what stands between them is missing, and
            # the first window of the second is not counted.
            enough = run >= least[0] * period or (period >= LONG and run + BETWEEN >= 2 * period)
            if run > found.run[row] and run >= least[1] and enough:
                found.start[row], found.period[row], found.run[row] = at - run + 1 - begin, period, run
