"""The similarity at which a split cuts: as low as it can be before one component swallows the rows.

Single linkage percolates: on intent texts the largest component held 1.3 % of rows at .80 and 32.7 %
at .70. So the threshold is swept down, and the sweep ends where the largest component gets too large.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.compiled import kernel
from toolkit.near.components import components
from toolkit.near.folded import folded
from toolkit.near.groups import groups_of
from toolkit.near.pairs import Pairs, near_pairs

Ints = npt.NDArray[np.int64]
STEPS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)


RECALL = 0.99999
FEW = 10
SAMPLES = (3_000, 30_000, 300_000)


class Bound(NamedTuple):
    """The lowest threshold worth asking all rows for, and why not a lower one; percolates: not even the highest."""

    threshold: float
    why: str
    percolates: bool


class Sweep(NamedTuple):
    """threshold: the lowest that holds. component: (n,), smallest row of each row's component at it.

    figures: (threshold, share of rows in the largest component) of every step that was tried.
    """

    threshold: float
    why: str
    figures: tuple[tuple[float, float], ...]
    component: Ints


def sweep(hard: Ints, pairs: Pairs, limit: int, *, lowest: float = STEPS[-1], fixed: float | None = None) -> Sweep:
    """Sweep down to `lowest` while the largest component has at most `limit` rows; `hard` components always hold.

    fixed: a threshold to take as it is. The first step is taken even where it percolates.
    """
    n, steps = len(hard), tuple(step for step in STEPS if step >= lowest) if fixed is None else (fixed,)
    figures: list[tuple[float, float]] = []
    chosen, best, why = steps[0], at(hard, pairs, steps[0]), "asked for" if fixed is not None else ""
    for step in steps:
        component = at(hard, pairs, step)
        rows = int(np.bincount(component).max()) if n else 0
        figures.append((step, round(rows / max(n, 1), 6)))
        if rows > limit and fixed is None:
            why = f"at {step} the largest component has {rows:,} rows, over the limit of {limit:,}"
            break
        chosen, best = step, component
    why = why or f"the lowest of the sweep: no component has over {limit:,} rows"
    return Sweep(chosen, why, tuple(figures), best)


def bound(texts: pa.ChunkedArray, key: npt.NDArray[np.uint64], cap: float) -> Bound:
    """Where samples of growing size percolate, all rows do too, and their pairs need never be listed.

    texts, key: (n,); samples are taken in the order of the keys. cap: the share of rows in one
    component that is too much. Rows of a few templates have quadratically many pairs at a low threshold.
    """
    order, lowest, why, percolates = np.argsort(key, kind="stable"), STEPS[-1], "", False
    for size in SAMPLES:
        if size >= len(order) / 2:
            break
        pairs = likely_pairs(texts.take(pa.array(np.sort(order[:size]))), lowest)
        limit = max(FEW, int(cap * size))
        found = sweep(np.arange(size, dtype=np.int64), pairs, limit, lowest=lowest)
        if found.figures[-1][1] * size > limit:
            why = f"in a sample of {size:,} rows, {found.why}"
            lowest, percolates = found.threshold, len(found.figures) == 1
        if percolates:
            break
    return Bound(lowest, why, percolates)


def likely_pairs(texts: pa.ChunkedArray, threshold: float) -> Pairs:
    """Verified pairs, of which one in a hundred thousand may be missed, and rows that look alike, as pairs of 1."""
    pairs = near_pairs(texts, threshold=threshold, recall=RECALL)
    first, _ = groups_of(folded(texts))
    rows = np.flatnonzero(first != np.arange(len(first)))
    left, right = np.concatenate([pairs.left, first[rows]]), np.concatenate([pairs.right, rows])
    jaccard = np.concatenate([pairs.jaccard, np.ones(len(rows))])
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], jaccard[order])


def at(hard: Ints, pairs: Pairs, threshold: float) -> Ints:
    """The components at one threshold, hard ties included, shape (n,)."""
    chosen = pairs.jaccard >= threshold
    rows = np.arange(len(hard), dtype=np.int64)
    left, right = np.concatenate([rows, pairs.left[chosen]]), np.concatenate([hard, pairs.right[chosen]])
    return components(len(hard), left, right)


def cut(hard: Ints, pairs: Pairs, component: Ints, *, threshold: float, limit: int) -> Ints:
    """Components of over `limit` rows in pieces: the strongest ties are kept first, hard ties always.

    Kruskal's order with a bound on the size: a tie that would make a piece too large is cut, so even a
    chain of equal ties falls apart. Returns the smallest row of each row's piece, shape (n,).
    """
    sizes = np.bincount(component, minlength=len(component))
    chosen = (pairs.jaccard >= threshold) & (sizes[component[pairs.left]] > limit)
    left, right, weight = pairs.left[chosen], pairs.right[chosen], pairs.jaccard[chosen]
    order = np.lexsort((right, left, -weight))
    whole = sizes[component] <= limit
    parent = np.where(whole, component, hard)
    size = np.bincount(parent, minlength=len(parent))
    _unite(left[order], right[order], parent, size, limit)
    # The root may be any row of its piece.
    roots, piece = np.unique(parent, return_inverse=True)
    smallest = np.full(len(roots), len(parent), np.int64)
    np.minimum.at(smallest, piece, np.arange(len(parent), dtype=np.int64))
    return np.asarray(smallest[piece], np.int64)


@kernel
def _unite(left: Any, right: Any, parent: Any, size: Any, limit: Any) -> None:
    for edge in range(len(left)):
        one, other = left[edge], right[edge]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        if one != other and size[one] + size[other] <= limit:
            parent[other] = one
            size[one] += size[other]
    for row in range(len(parent)):
        root = row
        while parent[root] != root:
            root = parent[root]
        parent[row] = root
