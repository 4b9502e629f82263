"""Edit distance of two byte strings, 64 cells of the table at a time.

Myers 1999 in the blocks of Hyyrö 2003. The same pass gives the distance to the whole of a text, to its
nearest beginning, or to its nearest part: what a row that was cut off or wrapped is compared with.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.near.compiled import kernel

ONE = np.uint64(1)
ZERO = np.uint64(0)
LAST = np.uint64(63)


@kernel
def distance(pattern: Any, text: Any, end: Any, begin: Any) -> Any:
    """Inserted, removed and replaced bytes between `pattern` and `text`, or the nearest part of `text`.

    end: the part may end anywhere; begin: it may begin anywhere. Cost: len(text) times len(pattern) / 64 steps.
    """
    m, n = len(pattern), len(text)
    if m == 0 or n == 0:
        return m if end else max(m, n)
    blocks = (m + 63) // 64
    equal = np.zeros((256, blocks), np.uint64)
    for at in range(m):
        equal[pattern[at], at >> 6] |= ONE << np.uint64(at & 63)
    up, down = np.full(blocks, ~ZERO), np.zeros(blocks, np.uint64)
    top = np.uint64((m - 1) & 63)
    score = best = m
    for at in range(n):
        step = 0 if begin else 1
        for block in range(blocks):
            step = _column(equal[text[at], block], up, down, block, step, top if block == blocks - 1 else LAST)
        score += step
        best = min(best, score)
    return best if end else score


@kernel
def _column(same: Any, up: Any, down: Any, block: Any, step: Any, top: Any) -> Any:
    """One column of one block of 64 rows; returns what its lowest cell differs by from the one before it."""
    rising, falling = up[block], down[block]
    vertical = same | falling
    if step < 0:
        same |= ONE
    across = (((same & rising) + rising) ^ rising) | same
    plus = falling | ~(across | rising)
    minus = rising & across
    out = np.int64((plus >> top) & ONE) - np.int64((minus >> top) & ONE)
    plus, minus = plus << ONE, minus << ONE
    if step > 0:
        plus |= ONE
    elif step < 0:
        minus |= ONE
    up[block] = minus | ~(vertical | plus)
    down[block] = plus & vertical
    return out
