"""Any row as likely as any other: what every other way is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.near.pool import Pool


@dataclass(frozen=True, slots=True)
class Random:
    """Rows drawn uniformly. It needs no signal, and on balanced pools it beats the hardest rows taken alone."""

    id: ClassVar[str] = "random"
    by_chance: ClassVar[bool] = True

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        return np.asarray(np.random.default_rng(seed).permutation(len(pool))[:n], np.int64)
