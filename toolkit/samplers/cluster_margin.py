"""One row of each cluster of the hardest rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable
from toolkit.near.cores import single_threaded
from toolkit.near.pool import Pool, hardest


@dataclass(frozen=True, slots=True)
class ClusterMargin:
    """k-means over the `over` times batch hardest rows, and of each cluster the row at its centre.

    Strong late in a budget. Source: Citovsky et al. 2021, with k-means over the hard rows in place of
    agglomerative clusters over all of them (as in Zhdanov 2019).
    """

    id: ClassVar[str] = "cluster-margin"

    over: int = 10

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        if pool.hardness is None:
            raise NotApplicable("it needs labelled rows or a model's scores, and there are none")
        hard = hardest(pool.hardness, self.over * n)
        found = centres(pool.vectors[hard].astype(np.float32), min(n, len(hard)), seed)
        return hard[np.sort(found)]


def centres(vectors: npt.NDArray[np.float32], n: int, seed: int) -> npt.NDArray[np.int64]:
    """Places of `n` rows, one at the centre of each k-means cluster; equal rows fill what clusters leave empty."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with single_threaded(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters: filled below
        fitted = KMeans(n, n_init=1, max_iter=20, random_state=seed).fit(vectors)
        away = fitted.transform(vectors)[np.arange(len(vectors)), fitted.labels_]
    order = np.lexsort((away, fitted.labels_))
    first = order[np.unique(fitted.labels_[order], return_index=True)[1]]
    rest = np.setdiff1d(np.arange(len(vectors)), first)[: n - len(first)]
    return np.concatenate([first, rest]).astype(np.int64)
