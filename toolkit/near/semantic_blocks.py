"""Blocks of rows that point about the same way, in which near pairs are looked for.

Spherical k-means on a sample, on two levels: cells, and centres inside each cell. A row goes to the blocks
of its few nearest centres, looked for in its nearest cells, because near rows often fall on two sides of
a border. A block over the cap is split again in the same way (what no mean can split, by count).
Source: Dhillon and Modha 2001; several blocks a row as in the inverted file of Jégou et al. 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from toolkit.near.compiled import kernel
from toolkit.near.cores import side_by_side

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
BATCH = 16_384
CAP = 3_072
TURNS = 6
CELLS = 4
SAMPLE = 24
DEEPEST = 3


class Rows(NamedTuple):
    """Vectors of one or two sides, counted through. scale: one over each length. order: the rows in question."""

    sides: tuple[npt.NDArray[Any], ...]
    scale: Floats
    order: Ints

    def unit(self, rows: Ints) -> Floats:
        """Vectors of length 1, float32, shape (len(rows), dim)."""
        split = len(self.sides[0])
        if len(self.sides) == 1:
            found = np.asarray(self.sides[0][rows], np.float32)
        else:
            found = np.empty((len(rows), self.sides[0].shape[1]), np.float32)
            found[rows < split] = self.sides[0][rows[rows < split]]
            found[rows >= split] = self.sides[1][rows[rows >= split] - split]
        return found * self.scale[rows][:, None]


class Centres(NamedTuple):
    """Two levels: cells, shape (n_cells, dim); the centres of cell c are `centres[begin[c] : begin[c + 1]]`."""

    cells: Floats
    centres: Floats
    begin: Ints


def blocks(rows: Rows, threshold: float) -> Iterator[Ints]:
    """Sets of rows, each row in several; two rows with a cosine over `threshold` most likely share one."""
    yield from _split(rows, rows.order, reach(threshold), 0)


def reach(threshold: float) -> int:
    """How many blocks a row is in: the wider the angle asked for, the more."""
    return 3 if threshold >= 0.88 else 4 if threshold >= 0.8 else 6


def _split(rows: Rows, members: Ints, top: int, depth: int) -> Iterator[Ints]:
    n = len(members)
    size = max(256.0, 0.75 * n**0.5)
    centres = _centres(rows, members, max(2, int(top * n / size)))
    owner = _assigned(rows, members, centres, top).ravel()
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(centres.centres) + 1))
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        block = members[order[low:high] // top]
        if high - low <= CAP:
            if high - low > 1:
                yield block
        elif depth < DEEPEST and high - low < 0.7 * n:
            yield from _split(rows, block, top, depth + 1)
        else:
            yield from (block[at : at + CAP] for at in range(0, len(block), CAP))


def _centres(rows: Rows, members: Ints, wanted: int) -> Centres:
    """`members` are in the order of a hash, so their first rows are a sample."""
    sample = rows.unit(members[: SAMPLE * wanted])
    cells = _means(sample, max(1, round(wanted**0.5)))
    cell = np.argmax(sample @ cells.T, axis=1)
    shares = np.bincount(cell, minlength=len(cells)) / len(sample)

    def inside(at: int) -> Floats:
        own = sample[cell == at]
        return _means(own, max(1, round(wanted * shares[at]))) if len(own) else cells[at : at + 1]

    found = side_by_side(inside, range(len(cells)))
    begin = np.concatenate([[0], np.cumsum([len(each) for each in found])]).astype(np.int64)
    return Centres(cells, np.concatenate(found), begin)


def _means(sample: Floats, wanted: int) -> Floats:
    """Spherical k-means from the first rows; a centre that loses all its rows stays where it is."""
    centres = sample[:wanted].copy()
    for _ in range(TURNS if len(centres) > 1 else 1):
        owner = np.argmax(sample @ centres.T, axis=1)
        ones = csr_array(
            (np.ones(len(sample), np.float32), (owner, np.arange(len(sample)))), (len(centres), len(sample))
        )
        sums = ones @ sample
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.maximum(length, 1e-12), centres).astype(np.float32)
    return centres


def _assigned(rows: Rows, members: Ints, centres: Centres, top: int) -> npt.NDArray[np.int32]:
    """The numbers of the nearest centres of each row, shape (n, top); the count of centres stands for none."""

    def batch(start: int) -> npt.NDArray[np.int32]:
        return _nearest(rows.unit(members[start : start + BATCH]), centres, top)

    return np.concatenate(side_by_side(batch, range(0, len(members), BATCH)))


def _nearest(vectors: Floats, centres: Centres, top: int) -> npt.NDArray[np.int32]:
    best = np.full((len(vectors), top), -2, np.float32)
    found = np.full((len(vectors), top), len(centres.centres), np.int32)
    cells = min(CELLS, len(centres.cells))
    near = np.argpartition(vectors @ centres.cells.T, -cells, axis=1)[:, -cells:]
    owner = near.ravel()
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(centres.cells) + 1))
    for at in range(len(centres.cells)):
        rows = order[bounds[at] : bounds[at + 1]] // cells
        first, last = centres.begin[at], centres.begin[at + 1]
        if len(rows):
            _insert(vectors[rows] @ centres.centres[first:last].T, rows, first, best, found)
    return found


@kernel
def _insert(cosine: Any, rows: Any, first: Any, best: Any, found: Any) -> None:
    """Put what is nearer than the farthest of a row's best in its place among them."""
    top = best.shape[1]
    for at in range(len(rows)):
        row = rows[at]
        for centre in range(cosine.shape[1]):
            value = cosine[at, centre]
            if value <= best[row, top - 1]:
                continue
            place = top - 1
            while place > 0 and best[row, place - 1] < value:
                best[row, place] = best[row, place - 1]
                found[row, place] = found[row, place - 1]
                place -= 1
            best[row, place] = value
            found[row, place] = first + centre
