"""The row of another side that means nearly the same, and how near the rows of that side are to each other.

Up to `full` different texts of both sides are all embedded. Of more, static vectors propose pairs and the
encoder looks at the best of them: it decides in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.groups import groups_of
from toolkit.near.normal import normalise
from toolkit.near.semantic import semantic_pairs_between
from toolkit.near.semantic_rows import embedded
from toolkit.near.static import static_vectors

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], npt.NDArray[Any]]
FLOOR = 0.85
PROPOSED = 0.6
SAMPLE = 1_000
NEARNESS = 0.11
USUAL = 0.95
BOUNDS = (0.88, 0.985)
FEW_PAIRS = 1_000
FEW_ROWS = 30


class Across(NamedTuple):
    """For each row, shape (n,): the nearest row of the other side, -1 for none over .85, and the cosine.

    bar: the cosine from which a pair says something. random: the median of random pairs across. within:
    the cosine that one in twenty rows of the other side has to its nearest. embedded: texts the encoder
    saw, of `texts` different ones.
    """

    row: Ints
    cosine: Floats
    bar: float
    random: float
    within: float
    embedded: int
    texts: int


def nearest_across(texts: pa.ChunkedArray, reference: pa.ChunkedArray, encode: Encode, *, full: int) -> Across:
    """Compare two sides by meaning. Equal texts of a side are embedded once; an empty one is near to nothing."""
    sides = (_different(texts), _different(reference))
    total = sum(len(own) for own, _ in sides)
    chosen = tuple(own for own, _ in sides)
    if total > full:
        chosen = _proposed((texts, reference), chosen, encode, full)
    left, right = (embedded(side, rows, encode) for side, rows in zip((texts, reference), chosen, strict=True))
    found = semantic_pairs_between(left, right, threshold=FLOOR)
    row, cosine = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.float32)
    order = np.lexsort((found.right, -found.cosine, found.left))
    first = order[np.unique(found.left[order], return_index=True)[1]]
    row[chosen[0][found.left[first]]] = chosen[1][found.right[first]]
    cosine[chosen[0][found.left[first]]] = found.cosine[first]
    group = sides[0][1]
    random, within = _null(left, right)
    bar = float(np.clip(max(1 - NEARNESS * (1 - random), within), *BOUNDS))
    return Across(row[group], cosine[group], bar, random, within, sum(map(len, chosen)), total)


def _different(texts: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """The first row of each different text, and for every row the first with its text."""
    rows = normalise(texts)
    group, _ = groups_of(rows)
    return np.flatnonzero((group == np.arange(len(group))) & (rows.stop > rows.start)), group


def _proposed(
    sides: tuple[pa.ChunkedArray, pa.ChunkedArray], own: tuple[Ints, ...], encode: Encode, full: int
) -> tuple[Ints, ...]:
    """The rows in the most promising pairs, half of `full` a side at most."""
    both = pa.chunked_array(
        [chunk for side, rows in zip(sides, own, strict=True) for chunk in side.take(pa.array(rows)).chunks],
        pa.large_string(),
    )
    vectors = static_vectors(both, encode)
    split = len(own[0])
    pairs = semantic_pairs_between(vectors[:split], vectors[split:], threshold=PROPOSED)
    order = np.argsort(-pairs.cosine, kind="stable")
    return own[0][_leading(pairs.left[order], full // 2)], own[1][_leading(pairs.right[order], full // 2)]


def _leading(rows: Ints, most: int) -> Ints:
    """The first `most` different values, sorted."""
    found, first = np.unique(rows, return_index=True)
    return np.sort(found[np.argsort(first)][:most])


def _null(left: Floats, right: Floats) -> tuple[float, float]:
    """The median cosine of pairs across, and the .95 quantile of the nearest within the second, 0 of too few."""
    one, other = _sampled(len(left)), _sampled(len(right))
    random = float(np.median(left[one] @ right[other].T)) if len(one) * len(other) >= FEW_PAIRS else 0.0
    if len(other) < FEW_ROWS:
        return random, 0.0
    near = np.empty(len(other), np.float32)
    for at, row in enumerate(other.tolist()):
        cosine = right @ right[row]
        cosine[row] = -1
        near[at] = cosine.max()
    return random, float(np.quantile(near, USUAL))


def _sampled(n: int) -> Ints:
    return np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
