"""Rows drawn by chance, as many of each class or cluster as of any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.near.pool import Pool
from toolkit.samplers.cluster_margin import centres

SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class StratifiedRandom:
    """Uniform draws within each predicted class in turn, or within `clusters` clusters without a classifier.

    Against a skewed log: a topic with a tenth of the traffic gets as many labels as one with half.
    """

    id: ClassVar[str] = "stratified-random"
    by_chance: ClassVar[bool] = True

    clusters: int = 50

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng(seed)
        stratum = pool.label if pool.label is not None else self._clusters(pool, seed)
        mixed = rng.permutation(len(pool))
        order = mixed[np.argsort(stratum[mixed], kind="stable")]
        own = stratum[order]
        begin = np.searchsorted(own, own, side="left")
        turn = np.arange(len(order)) - begin
        return np.asarray(order[np.lexsort((rng.random(len(order)), turn))][:n], np.int64)

    def _clusters(self, pool: Pool, seed: int) -> npt.NDArray[np.int64]:
        from toolkit.near.cover import nearest

        some = np.sort(np.random.default_rng(seed).permutation(len(pool))[:SAMPLE])
        sample = pool.vectors[some].astype(np.float32)
        middle = sample[centres(sample, min(self.clusters, len(some)), seed)]
        return nearest(pool.vectors, middle).row
