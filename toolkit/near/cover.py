"""Choosing few rows that stand for many: facility location, and the nearest of a known set.

Both work in blocks, so that a pool of millions in a memory-mapped file costs a block of memory.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BLOCK_CELLS = 1 << 23
"""Similarities held at once: 32 MB of float32."""


class Nearest(NamedTuple):
    """For each row, shape (n,): the place of the nearest known vector, -1 where there is none, and its cosine."""

    row: Ints
    cosine: Floats


def nearest(vectors: npt.NDArray[np.floating], known: npt.NDArray[np.floating]) -> Nearest:
    """The nearest of `known` (m, d) to each of `vectors` (n, d), both of length 1; cosine -1 where m is 0."""
    row, cosine = np.full(len(vectors), -1, np.int64), np.full(len(vectors), -1, np.float32)
    if not len(known):
        return Nearest(row, cosine)
    columns = np.ascontiguousarray(known.T, np.float32)
    step = max(1, BLOCK_CELLS // len(known))
    for start in range(0, len(vectors), step):
        found = vectors[start : start + step].astype(np.float32) @ columns
        best = found.argmax(axis=1)
        row[start : start + step] = best
        cosine[start : start + step] = found[np.arange(len(best)), best]
    return Nearest(row, cosine)


def facility(
    candidates: npt.NDArray[np.floating],
    reference: npt.NDArray[np.floating],
    covered: Floats,
    worth: npt.NDArray[np.floating],
    n: int,
    width: float = 0.0,
) -> Ints:
    """Places of `n` candidates, in the order of their gain, that cover the reference best.

    candidates: (c, d), reference: (r, d), of length 1. covered: (r,), the cosine that each reference row
    already has to a labelled one. worth: (c,), by which a candidate's gain is multiplied. width: a row
    covers another by exp(-distance / width); by the cosine itself where it is 0. Gains only shrink, so an
    old one is an upper bound and few are computed anew (lazy greedy; Minoux 1978). Ties go to the earlier
    candidate.
    """
    likeness = _covering(candidates.astype(np.float32) @ reference.astype(np.float32).T, width)
    covered = _covering(covered.astype(np.float32), width)
    first = _gains(likeness, covered) * worth
    heap = [(-gain, at) for at, gain in enumerate(first.tolist())]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < n:
        _, at = heapq.heappop(heap)
        gain = float(np.maximum(likeness[at] - covered, 0).sum(dtype=np.float64) * worth[at])
        if heap and (-gain, at) > heap[0]:
            heapq.heappush(heap, (-gain, at))
            continue
        chosen.append(at)
        np.maximum(covered, likeness[at], out=covered)
    return np.array(chosen, np.int64)


def _covering(cosine: Floats, width: float) -> Floats:
    """How far a row covers another of this cosine, 0..1, in place."""
    if not width:
        return np.maximum(cosine, 0, out=cosine)
    cosine -= 1
    cosine /= width
    return np.exp(cosine, out=cosine)


def _gains(likeness: Floats, covered: Floats) -> npt.NDArray[np.float64]:
    """What each candidate alone would add, shape (c,), in blocks."""
    found = np.empty(len(likeness), np.float64)
    step = max(1, BLOCK_CELLS // 8 // max(1, likeness.shape[1]))
    for start in range(0, len(likeness), step):
        block = np.maximum(likeness[start : start + step] - covered, 0)
        found[start : start + step] = block.sum(axis=1, dtype=np.float64)
    return found
