"""Pairs of rows whose vectors point the same way: every reported cosine is computed, none estimated.

A row of zeros is nobody's pair. Vectors may be of any float type and memory-mapped; they need not be
of length 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import UsageError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
BLOCK = 2048


class SemanticPairs(NamedTuple):
    """Verified pairs, sorted by (left, right); in a self-join left < right. All three are (n_pairs,)."""

    left: Ints
    right: Ints
    cosine: Floats


def semantic_pairs(vectors: npt.NDArray[Any], *, threshold: float = 0.9) -> SemanticPairs:
    """Pairs of rows of `vectors`, shape (n, dim), with a cosine of at least `threshold`, in (0, 1]."""
    return _brute(vectors, vectors, _asked(threshold), True)


def semantic_pairs_between(left: npt.NDArray[Any], right: npt.NDArray[Any], *, threshold: float = 0.9) -> SemanticPairs:
    """Pairs with left a row of the first and right a row of the second; otherwise as `semantic_pairs`."""
    return _brute(left, right, _asked(threshold), False)


def _asked(threshold: float) -> float:
    if not 0.0 < threshold <= 1.0:
        raise UsageError(f"a threshold of {threshold} is not a cosine to join at", "a number over 0, up to 1")
    return threshold


def _brute(one: npt.NDArray[Any], other: npt.NDArray[Any], threshold: float, within: bool) -> SemanticPairs:
    found = [SemanticPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))]
    for low in range(0, len(one), BLOCK):
        rows = _unit(one[low : low + BLOCK])
        for start in range(low if within else 0, len(other), BLOCK):
            cosine = rows @ _unit(other[start : start + BLOCK]).T
            left, right = np.nonzero(cosine >= threshold)
            keep = left + low < right + start if within else np.ones(len(left), np.bool_)
            left, right = left[keep], right[keep]
            found.append(SemanticPairs(left + low, right + start, np.minimum(cosine[left, right], 1.0)))
    left, right, cosine = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((right, left))
    return SemanticPairs(left[order], right[order], cosine[order])


def _unit(rows: npt.NDArray[Any]) -> Floats:
    rows = np.asarray(rows, np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), np.float32)
