"""Rows that stand for as much of the pool as they can, for a cold start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.near.cover import facility, nearest
from toolkit.near.pool import Pool


@dataclass(frozen=True, slots=True)
class Cover:
    """Facility location over a sample of the pool: each next row is the one that brings most rows nearer.

    Needs no label and no score. It starts from what the labelled rows cover. `over` times the batch are
    candidates, `reference` rows are to be covered; both are drawn uniformly.
    Source: Wei, Iyer and Bilmes 2015; lazy greedy, Minoux 1978.
    """

    id: ClassVar[str] = "cover"

    over: int = 20
    reference: int = 2_000

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng(seed)
        candidates = np.sort(rng.permutation(len(pool))[: max(self.over * n, 1)])
        reference = pool.vectors[np.sort(rng.permutation(len(pool))[: self.reference])].astype(np.float32)
        covered = nearest(reference, pool.known).cosine
        chosen = facility(pool.vectors[candidates], reference, covered, np.ones(len(candidates)), n)
        return np.asarray(candidates[chosen], np.int64)
