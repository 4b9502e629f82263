"""Rows of one side that have a near row on the other, found another way than the split looked for them.

The split joins shingles of five characters on their rarest ones. Here the nearest rows are found by the
cosine of TF-IDF weights over three bytes, among rows that share one of the sixteen heaviest, and then
compared shingle by shingle. What one of the two misses, the other should find.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from toolkit.core.text import normal_text
from toolkit.near.normal import Normal, normalise

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
BUCKETS = 1 << 18
CUT = 2000
BLOCK = 4096
FLOOR = 0.4
HEAVY = 16
ASKED = 6
SHARED = 0.25
SHINGLE = 5
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Crossing(NamedTuple):
    """For each row of the sample, shape (n,): its nearest row of the other side, -1 for none.

    cosine: of TF-IDF weights. other: the row with the highest Jaccard among the nearest few; jaccard
    that Jaccard, 0 where no row has a cosine of .4.
    """

    cosine: Floats
    other: Ints
    jaccard: Floats


def crossing(sample: pa.ChunkedArray, reference: Iterable[pa.ChunkedArray]) -> Crossing:
    """Compare every row of `sample` with every row of `reference`, given in blocks; `other` counts over all blocks.

    Texts are cut at 2,000 bytes for the weights. Weights are those of the first block and the sample.
    """
    own = _counts(normalise(sample))
    found = Crossing(np.zeros(own.shape[0]), np.full(own.shape[0], -1, np.int64), np.zeros(own.shape[0]))
    texts = [normal_text(text or "") for text in sample.to_pylist()]
    weights: Any = None
    left: Any = None
    heavy: Any = None
    at = 0
    for block in _blocks(reference):
        theirs = _counts(normalise(block))
        if weights is None:
            weights = _weights(own, theirs)
            left = _weighted(own, weights)
            heavy = _heaviest(left)
        _best(left, heavy, _weighted(theirs, weights), block, texts, at, found)
        at += len(block)
    return found


def _blocks(reference: Iterable[pa.ChunkedArray]) -> Iterable[pa.ChunkedArray]:
    for texts in reference:
        for begin in range(0, len(texts), BLOCK):
            yield texts.slice(begin, BLOCK)


def _best(
    left: Any, heavy: Any, right: Any, block: pa.ChunkedArray, texts: list[str], at: int, found: Crossing
) -> None:
    """Put what a block has to offer into `found`; the nearest few rows of each are compared."""
    alike = (heavy @ right.T).tocoo()
    mass = np.bincount(np.repeat(np.arange(heavy.shape[0]), np.diff(heavy.indptr)), heavy.data**2, heavy.shape[0])
    some = alike.data >= SHARED * mass[alike.row]
    row, other = _first(alike.row[some], alike.col[some], alike.data[some])
    cosine = left[row].multiply(right[other]).sum(axis=1)
    np.maximum.at(found.cosine, row, np.minimum(cosine, 1.0))
    near = cosine >= FLOOR
    for one, two in zip(row[near].tolist(), other[near].tolist(), strict=True):
        jaccard = _jaccard(texts[one], normal_text(block[two].as_py() or ""))
        if jaccard > found.jaccard[one]:
            found.jaccard[one], found.other[one] = jaccard, at + two


def _first(row: Ints, column: Ints, score: Floats) -> tuple[Ints, Ints]:
    """The columns with the highest scores of each row."""
    order = np.lexsort((column, -score, row))
    row, column = row[order], column[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    rank = np.arange(len(row)) - np.repeat(starts, np.diff(starts, append=len(row)))
    return row[rank < ASKED], column[rank < ASKED]


def _heaviest(rows: Any) -> Any:
    """Only the heaviest weights of each row: what two near rows share, and few others have."""
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    order = np.lexsort((rows.indices, -rows.data, owner))
    rank = np.arange(len(owner)) - rows.indptr[owner[order]]
    chosen = order[rank < HEAVY]
    return csr_array((rows.data[chosen], (owner[chosen], rows.indices[chosen])), shape=rows.shape)


def _jaccard(one: str, other: str) -> float:
    """Jaccard of the sets of five characters; equal texts are 1 however short."""
    if one == other:
        return 1.0 if one else 0.0
    first, second = _shingles(one), _shingles(other)
    together = len(first | second)
    return len(first & second) / together if together else 0.0


def _shingles(text: str) -> set[str]:
    return {text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)}


def _counts(rows: Normal) -> Any:
    """How often each run of three bytes stands in each row, hashed to buckets, shape (n, BUCKETS)."""
    length = np.clip(rows.stop - rows.start, 0, CUT) - 2
    length = np.maximum(length, 0)
    owner = np.repeat(np.arange(len(length)), length)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length) + rows.start[owner]
    one, two, three = (rows.data[place + step].astype(np.uint64) for step in range(3))
    bucket = (((one << np.uint64(16)) | (two << np.uint64(8)) | three) * _ODD) >> np.uint64(46)
    found = csr_array((np.ones(len(owner)), (owner, bucket.astype(np.int64))), shape=(len(length), BUCKETS))
    found.sum_duplicates()
    return found


def _weights(own: Any, theirs: Any) -> Floats:
    """Inverse document frequency of each bucket, never under log 2: of two rows all shared ones are common."""
    n = own.shape[0] + theirs.shape[0]
    seen = np.bincount(np.concatenate([own.indices, theirs.indices]), minlength=BUCKETS)
    return np.asarray(np.log1p(n / np.maximum(seen, 1.0)), np.float64)


def _weighted(counts: Any, weights: Floats) -> Any:
    """Rows of length 1; a row too short for a run of three stays zero."""
    values = (1.0 + np.log(counts.data)) * weights[counts.indices]
    owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norm = np.sqrt(np.bincount(owner, values**2, minlength=counts.shape[0]))
    found = counts.copy()
    found.data = values / norm[owner]
    return found
