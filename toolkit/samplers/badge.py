"""Rows whose labels would move a classifier most, in different directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable
from toolkit.near.pool import Pool

LARGE = 50_000


@dataclass(frozen=True, slots=True)
class Badge:
    """k-means++ on the gradients of the last layer, which are never written out: a product of two small vectors.

    The gradient of row i is (shares_i - its largest as 1) times its vector, so distances need only the two
    inner products. Over 50,000 rows it looks at those that are hardest. Source: Ash et al. 2020.
    """

    id: ClassVar[str] = "badge"
    shares: ClassVar[bool] = True

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        if pool.shares is None or pool.hardness is None:
            raise NotApplicable("it needs class probabilities: labelled rows, or a column of them")
        from toolkit.near.pool import hardest

        rows = np.sort(hardest(pool.hardness, LARGE))
        vectors = pool.vectors[rows].astype(np.float32)
        pull = -pool.shares[rows].astype(np.float32)
        pull[np.arange(len(rows)), pull.argmin(axis=1)] += 1
        size = (pull**2).sum(axis=1) * (vectors**2).sum(axis=1)
        return rows[_spread(vectors, pull, size, min(n, len(rows)), np.random.default_rng(seed))]


def _spread(
    vectors: npt.NDArray[np.float32],
    pull: npt.NDArray[np.float32],
    size: npt.NDArray[np.float32],
    n: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """k-means++ draws, the longest gradient first; a row is drawn with its squared distance to those drawn."""
    away = np.full(len(size), np.inf)
    chosen = [int(size.argmax())]
    while len(chosen) < n:
        last = chosen[-1]
        product = (pull @ pull[last]) * (vectors @ vectors[last])
        away = np.minimum(away, np.maximum(size + size[last] - 2 * product, 0))
        away[chosen] = 0
        total = np.cumsum(away, dtype=np.float64)
        if total[-1] <= 0:  # what is left equals what was drawn
            chosen += np.setdiff1d(np.arange(len(size)), chosen)[: n - len(chosen)].tolist()
            break
        chosen.append(int(np.searchsorted(total, rng.random() * total[-1], side="right")))
    return np.array(chosen[:n], np.int64)
