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
    chance proportional to hardness to the `power`; labelled rows cover first. A candidate's gain is
    multiplied by its own hardness. 200 of a million rows take about a second of CPU.
    Source: facility location (Wei, Iyer and Bilmes 2015), weighted by uncertainty.
    """

    id: ClassVar[str] = "hard-cover"

    over: int = 20
    reference: int = 2_000
    power: float = 2.0

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        if pool.hardness is None:
            raise NotApplicable("it needs labelled rows or a model's scores, and there are none")
        candidates = np.sort(hardest(pool.hardness, max(self.over * n, 1)))
        reference = pool.vectors[drawn(pool.hardness**self.power, self.reference, seed)].astype(np.float32)
        covered = nearest(reference, pool.known).cosine
        chosen = facility(pool.vectors[candidates], reference, covered, pool.hardness[candidates] + 1e-6, n)
        return np.asarray(candidates[chosen], np.int64)


def drawn(chance: npt.NDArray[np.floating], n: int, seed: int) -> npt.NDArray[np.int64]:
    """Sorted places of `n` rows drawn without replacement, each with a chance in proportion to `chance`.

    The largest keys log(u) / chance are such a draw (Efraimidis and Spirakis 2006).
    """
    if n >= len(chance):
        return np.arange(len(chance))
    keys = np.log(np.random.default_rng(seed).random(len(chance))) / np.maximum(chance, 1e-12)
    return np.sort(np.argpartition(keys, len(keys) - n)[len(keys) - n :])
