"""Pairs of rows whose vectors point the same way: every reported cosine is computed, none estimated.

Vectors may be of any float type, of any length but 0 (a row of zeros is nobody's pair), and mapped
from a file: blocks of rows are read as they are needed. Equal vectors are collapsed first, and listed as
`near.pairs` lists equal texts. Small sets are compared whole; of larger ones only rows that share a block
of `near.semantic_blocks` are, which misses about one pair in a hundred at a cosine of .9. Rows with
more than 64 partners in a block name the nearest 64, so that their component is found and memory lasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import UsageError
from toolkit.near.cores import side_by_side
from toolkit.near.pairs import Pairs, _collapse, _equal_across, _equal_within, _sorted, _spread
from toolkit.near.semantic_blocks import Ints, Rows, blocks

Floats = npt.NDArray[np.float32]
FEW = 200_000_000
TILE = 512
CHUNK = 8_192
CROWD = 64
ROUNDING = 1e-6


class SemanticPairs(NamedTuple):
    """Verified pairs, sorted by (left, right); in a self-join left < right. All three are (n_pairs,)."""

    left: Ints
    right: Ints
    cosine: Floats


def semantic_pairs(vectors: npt.NDArray[Any], *, threshold: float = 0.9) -> SemanticPairs:
    """Pairs of rows of `vectors`, shape (n, dim), with a cosine of at least `threshold`, in (0, 1]."""
    return _pairs((vectors,), _asked(threshold))


def semantic_pairs_between(left: npt.NDArray[Any], right: npt.NDArray[Any], *, threshold: float = 0.9) -> SemanticPairs:
    """Pairs with left a row of the first and right a row of the second; otherwise as `semantic_pairs`."""
    if len(left) == 0 or len(right) == 0:
        return SemanticPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    found = _pairs((left, right), _asked(threshold))
    return found._replace(right=found.right - len(left))


def _asked(threshold: float) -> float:
    if not 0.0 < threshold <= 1.0:
        raise UsageError(f"a threshold of {threshold} is not a cosine to join at", "a number over 0, up to 1")
    return threshold


def _pairs(sides: tuple[npt.NDArray[Any], ...], threshold: float) -> SemanticPairs:
    split = len(sides[0]) if len(sides) == 2 else 0
    scale, equal, order = _looked_over(sides)
    groups = _collapse(equal, np.arange(len(equal)) >= split if split else np.zeros(len(equal), np.bool_))
    # In the order of a hash of the vectors: what is found does not depend on the order of the rows.
    place = np.argsort(order[groups.first], kind="stable")
    rows = Rows(sides, scale, groups.first[place][scale[groups.first[place]] > 0])
    left, right, cosine = _unique(_joined(rows, split, threshold), len(equal))
    number = np.full(len(equal), -1, np.int64)
    number[groups.first] = np.arange(len(groups.first))
    other = equal[left] != equal[right]
    near = _spread(groups, number[left[other]], number[right[other]], cosine[other], bool(split))
    same = _equal_across(groups, int(np.searchsorted(groups.first, split))) if split else _equal_within(groups)
    some = scale[same.left] > 0
    found = _sorted(near, Pairs(same.left[some], same.right[some], same.jaccard[some]))
    return SemanticPairs(found.left, found.right, found.jaccard.astype(np.float32))


def _looked_over(sides: tuple[npt.NDArray[Any], ...]) -> tuple[Floats, Ints, npt.NDArray[np.uint64]]:
    """For each row, shape (n,): one over its length (0 for zeros), the first row equal to it, and a hash."""
    dim = sides[0].shape[1]
    odd = np.random.default_rng(0).integers(0, 1 << 63, dim, np.uint64) | np.uint64(1)
    scales, hashes = [np.empty(0, np.float32)], [np.empty(0, np.uint64)]
    for side in sides:
        for start in range(0, len(side), CHUNK):
            part = np.ascontiguousarray(side[start : start + CHUNK], np.float32) + np.float32(0)  # -0 is 0
            length = np.sqrt(np.einsum("ij,ij->i", part, part))
            if not np.isfinite(length).all():
                raise UsageError("a vector is not finite", "leave out rows whose vector could not be computed")
            scales.append(np.divide(1, length, out=np.zeros_like(length), where=length > 0))
            hashes.append((part.view(np.uint32) * odd).sum(axis=1, dtype=np.uint64))
    scale, key = np.concatenate(scales), np.concatenate(hashes)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    return scale, first[group].astype(np.int64), key * np.uint64(0x9E3779B97F4A7C15)


def _joined(rows: Rows, split: int, threshold: float) -> Iterable[SemanticPairs]:
    """Pairs of `rows.order`, some of them several times."""
    n = len(rows.order)
    ours = int((rows.order < split).sum())
    if (ours * (n - ours) if split else n * n // 2) <= FEW:
        return [_block(rows, rows.order, split, threshold)]
    return side_by_side(lambda members: _block(rows, members, split, threshold), blocks(rows, threshold))


def _block(rows: Rows, members: Ints, split: int, threshold: float) -> SemanticPairs:
    """Every pair among `members`, or between its two sides."""
    here = members[members < split] if split else members
    there = members[members >= split] if split else members
    found = [SemanticPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))]
    for start in range(0, len(there), CHUNK):
        others = there[start : start + CHUNK]
        columns = rows.unit(others)
        for low in range(0, len(here) if split else min(len(here), start + CHUNK), TILE):
            chosen = here[low : low + TILE]
            skip = 0 if split else max(0, low - start)
            inside = not split and start <= low < start + CHUNK
            tile = columns[skip : skip + TILE] if inside else rows.unit(chosen)
            found.append(_hits(tile @ columns[skip:].T, chosen, others[skip:], threshold, inside))
    return _together(found)


def _hits(cosine: Floats, left: Ints, right: Ints, threshold: float, square: bool) -> SemanticPairs:
    """The pairs of a tile. square: its first columns are its rows, so that a pair lies above the diagonal."""
    width = cosine.shape[1]
    flat = np.flatnonzero(cosine >= threshold - ROUNDING)
    row, column = flat // width, flat % width
    if square:
        above = column > row
        flat, row, column = flat[above], row[above], column[above]
    if len(flat) > CROWD:
        stays = _nearest(row, cosine.ravel()[flat])
        flat, row, column = flat[stays], row[stays], column[stays]
    one, other = left[row], right[column]
    return SemanticPairs(np.minimum(one, other), np.maximum(one, other), np.minimum(cosine.ravel()[flat], 1))


def _nearest(row: Ints, cosine: Floats) -> Ints:
    """Where the 64 largest cosines of each row stand; `row` is sorted."""
    if np.bincount(row).max() <= CROWD:
        return np.arange(len(row))
    order = np.lexsort((-cosine, row))
    begin = np.flatnonzero(np.diff(row, prepend=-1))
    rank = np.arange(len(row)) - np.repeat(begin, np.diff(begin, append=len(row)))
    return np.sort(order[rank < CROWD])


def _together(found: Iterable[SemanticPairs]) -> SemanticPairs:
    return SemanticPairs(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _unique(found: Iterable[SemanticPairs], n: int) -> SemanticPairs:
    """Each pair once."""
    pairs = _together(found)
    _, first = np.unique(pairs.left * n + pairs.right, return_index=True)
    return SemanticPairs(pairs.left[first], pairs.right[first], pairs.cosine[first])
