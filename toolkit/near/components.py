"""Connected components of a graph of pairs, and the rows that stay when near-duplicates go."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from toolkit.near.compiled import kernel
from toolkit.near.scan import sorted_set

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def components(n: int, left: Ints, right: Ints) -> Ints:
    """The smallest row of each row's component, shape (n,); a row without a pair is its own."""
    if len(left) == 0:
        return np.arange(n, dtype=np.int64)
    graph = coo_array((np.ones(len(left), np.bool_), (left, right)), shape=(n, n))
    count, label = connected_components(graph, directed=False)
    smallest = np.full(count, n, np.int64)
    np.minimum.at(smallest, label, np.arange(n, dtype=np.int64))
    return np.asarray(smallest[label], np.int64)


def renumbered(groups: Ints) -> Ints:
    """The same groups, numbered by where they first appear, so that the order of the file decides nothing."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], np.int64)


def clusters(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """The rows that pairs of any row numbers tie together, sorted, and the smallest row of each one's component."""
    rows, index = np.unique(np.concatenate([left, right]), return_inverse=True)
    return rows, rows[components(len(rows), index[: len(left)], index[len(left) :])]


def greedy_keep(n: int, left: Ints, right: Ints, rank: npt.NDArray[Any], *, same: Bools | None = None) -> Bools:
    """Which rows stay, shape (n,): best (lowest) rank first, a row goes when a row that stays is its pair.

    Ties go to the smaller row. `same` marks the pairs whose two ends are equal (`jaccard == 1`):
    equality passes from row to row, so equal rows are one, with the best rank among them, even
    where only a star of their pairs is listed.
    """
    order = np.lexsort((np.arange(n), np.asarray(rank)))
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    whole = np.arange(n, dtype=np.int64) if same is None else components(n, left[same], right[same])
    best = np.full(n, n, np.int64)
    np.minimum.at(best, whole, place)
    # Every row is spoken for by the best row equal to it.
    speaker = order[best[whole]]
    stays = _greedy(n, order, place, speaker[left], speaker[right])
    return np.asarray(stays & (speaker == np.arange(n)), np.bool_)


def _greedy(n: int, order: Ints, place: Ints, one: Ints, other: Ints) -> Bools:
    first, second = np.minimum(place[one], place[other]), np.maximum(place[one], place[other])
    differ = first < second
    edges = sorted_set(first[differ] * n + second[differ])
    gone = np.zeros(n, np.bool_)
    _sweep(edges, n, gone)
    stays = np.empty(n, np.bool_)
    stays[order] = ~gone
    return stays


@kernel
def _sweep(edges: Any, n: Any, gone: Any) -> None:
    """Edges sorted by their better end: by the time one is read, that end's fate is known."""
    for at in range(len(edges)):
        if not gone[edges[at] // n]:
            gone[edges[at] % n] = True
