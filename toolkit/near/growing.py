"""Near duplicates of one text at a time among texts that become more: for gates, which judge row by row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.lanes import Plan, multipliers, plan_with
from toolkit.near.normal import normalise
from toolkit.near.shingles import Kind, distinct, parse_kind, shingles, table_size

Hashes = npt.NDArray[np.uint64]
RECALL = 0.999
BLOCK = 256


class Met(NamedTuple):
    """An earlier text, by its place in the order of adding, and its Jaccard."""

    row: int
    jaccard: float


class Growing:
    """Texts with an index of min-hash bands; every pair that is told was verified on its shingles.

    threshold: the Jaccard from which two texts are near. A pair right at it is found with a chance of
    0.999. Memory: 8 bytes for each distinct shingle of each text.
    """

    def __init__(self, threshold: float, shingle: str = "c5") -> None:
        self.threshold = threshold
        self.kind: Kind = parse_kind(shingle)
        self.plan: Plan = plan_with(5, threshold, RECALL)
        self.lanes = multipliers(self.plan.bands * self.plan.rows, 0)
        self.texts: list[Hashes] = []
        self.bands: list[dict[bytes, list[int]]] = [{} for _ in range(self.plan.bands)]

    def add(self, text: str) -> None:
        """Remember a text; one shorter than a shingle takes a place and is nobody's neighbour."""
        own = self._shingles(text)
        self.texts.append(own)
        for band, key in zip(self.bands, self._keys(own), strict=False):
            band.setdefault(key, []).append(len(self.texts) - 1)

    def nearest(self, text: str) -> Met | None:
        """The earlier text with the highest Jaccard from the threshold on, the first of equals."""
        own = self._shingles(text)
        met = {row for band, key in zip(self.bands, self._keys(own), strict=False) for row in band.get(key, ())}
        near = [Met(row, self._jaccard(own, row)) for row in sorted(met)]
        best = max(near, key=lambda each: each.jaccard, default=None)
        return best if best is not None and best.jaccard >= self.threshold else None

    def _jaccard(self, own: Hashes, row: int) -> float:
        shared = len(np.intersect1d(own, self.texts[row], assume_unique=True))
        return shared / (len(own) + len(self.texts[row]) - shared)

    def _shingles(self, text: str) -> Hashes:
        """The distinct shingles of a text, sorted."""
        rows = normalise(pa.array([text.encode(errors="replace").decode()], pa.large_string()))
        room = max(len(rows.data), 1)
        found, slots = np.empty(room, np.uint64), np.empty(table_size(room), np.uint64)
        count = distinct(found, shingles(rows, 0, self.kind, found), slots)
        return np.sort(found[:count])

    def _keys(self, own: Hashes) -> list[bytes]:
        if not len(own):
            return []
        narrow = (own >> np.uint64(32)).astype(np.uint32)
        minima = np.full(len(self.lanes), 0xFFFFFFFF, np.uint32)
        for first in range(0, len(narrow), BLOCK):
            minima = np.minimum(minima, (narrow[first : first + BLOCK, None] * self.lanes).min(axis=0))
        return [band.tobytes() for band in minima.reshape(self.plan.bands, self.plan.rows)]
