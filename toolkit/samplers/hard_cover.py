"""Hard rows that stand for other hard rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable
from toolkit.near.cover import facility, nearest
from toolkit.near.pool import Pool, hardest


@dataclass(frozen=True, slots=True)
class HardCover:
    """Coverage times hardness: of the hardest rows, those that bring most hard rows nearer to a label.

    Candidates are the `over` times batch hardest. What is to be covered are `reference` rows drawn with a
    chance proportional to hardness to the `power`; labelled rows cover first. A row covers others by
    exp(-distance / width), so that it speaks for its own neighbourhood alone: `width` is half the mean
    cosine distance of two rows that a classifier puts into one class (of any two rows without classes),
    unless it is given. A candidate's gain is multiplied by its own hardness.
    Source: facility location (Wei, Iyer and Bilmes 2015) weighted by uncertainty, with a kernel as in
    uncertainty herding (Bae et al. 2025); the width is our own.
    """

    id: ClassVar[str] = "hard-cover"

    over: int = 20
    reference: int = 2_000
    power: float = 2.0
    width: float = 0.0

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        if pool.hardness is None:
            raise NotApplicable("it needs labelled rows or a model's scores, and there are none")
        candidates = np.sort(hardest(pool.hardness, max(self.over * n, 1)))
        reference = pool.vectors[drawn(pool.hardness**self.power, self.reference, seed)].astype(np.float32)
        covered = nearest(reference, pool.known).cosine
        width = self.width or spread(pool, seed) / 2
        chosen = facility(pool.vectors[candidates], reference, covered, pool.hardness[candidates] + 1e-6, n, width)
        return np.asarray(candidates[chosen], np.int64)


def spread(pool: Pool, seed: int) -> float:
    """The mean cosine distance of two rows of one class, as a classifier names them; .05 at least.

    From at most 2,000 rows; of any two rows where no class is known or no class has two.
    """
    some = np.sort(np.random.default_rng([seed, 5]).permutation(len(pool))[:2_000])
    vectors = pool.vectors[some].astype(np.float64)
    label = np.zeros(len(some), np.int64) if pool.label is None else np.unique(pool.label[some], return_inverse=True)[1]
    for own in (label, np.zeros(len(some), np.int64)):
        count = np.bincount(own)
        pairs = float((count * (count - 1.0)).sum())
        if pairs:
            sums = np.zeros((len(count), vectors.shape[1]))
            np.add.at(sums, own, vectors)
            return max(0.05, 1 - float((sums**2).sum() - len(some)) / pairs)
    return 1.0


def drawn(chance: npt.NDArray[np.floating], n: int, seed: int) -> npt.NDArray[np.int64]:
    """Sorted places of `n` rows drawn without replacement, each with a chance in proportion to `chance`.

    The largest keys log(u) / chance are such a draw (Efraimidis and Spirakis 2006).
    """
    if n >= len(chance):
        return np.arange(len(chance))
    keys = np.log(np.random.default_rng(seed).random(len(chance))) / np.maximum(chance, 1e-12)
    return np.sort(np.argpartition(keys, len(keys) - n)[len(keys) - n :])
