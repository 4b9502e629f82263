"""The hardest rows, hardest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable
from toolkit.near.pool import Pool, hardest


@dataclass(frozen=True, slots=True)
class Margin:
    """The rows of the largest hardness: with class probabilities, those whose first two classes are closest.

    Simple and cheap, and it asks the same question many times: rows that are hard alike are asked together.
    Source: Scheffer et al. 2001.
    """

    id: ClassVar[str] = "margin"

    def rank(self, pool: Pool, n: int, *, seed: int) -> npt.NDArray[np.int64]:
        if pool.hardness is None:
            raise NotApplicable("it needs labelled rows or a model's scores, and there are none")
        return hardest(pool.hardness, n)
