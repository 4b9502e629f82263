"""What a sampler is given: the rows that may be asked, what is labelled, and what is known of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """Some rows of an array that are copied only when they are asked for: a pool of millions is not doubled."""

    base: Any
    rows: Ints

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> Floats:
        return np.asarray(self.base[self.rows[key]])


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Rows that may be asked. vectors: (n, d), of length 1, float16 or float32, perhaps memory-mapped.

    known: (m, d), vectors of the labelled rows. hardness: (n,), 0 easy to 1 hard; None at a cold start.
    label: (n,), the class that a classifier names, shares: (n, k), its probabilities; None without one, and
    shares are made only for samplers that say they need them. weight: (n,), pool rows that each stands for.
    """

    vectors: Floats
    known: Floats
    hardness: Floats | None
    weight: Floats
    label: Ints | None = None
    shares: Floats | None = None

    def __len__(self) -> int:
        return len(self.weight)

    def at(self, rows: Ints, known: Floats | None = None) -> Pool:
        """The pool of some rows, with other labelled vectors where they are given."""
        return Pool(
            cast(Floats, Picked(self.vectors, rows)),
            self.known if known is None else known,
            None if self.hardness is None else self.hardness[rows],
            self.weight[rows],
            None if self.label is None else self.label[rows],
            None if self.shares is None else self.shares[rows],
        )


def hardest(hardness: Floats, n: int) -> Ints:
    """The places of the `n` hardest rows, hardest first; ties go to the earlier row."""
    n = min(n, len(hardness))
    if n < len(hardness):
        bar = np.partition(hardness, len(hardness) - n)[len(hardness) - n]
        over = np.flatnonzero(hardness > bar)
        some = np.concatenate([over, np.flatnonzero(hardness == bar)[: n - len(over)]])
    else:
        some = np.arange(len(hardness))
    some = np.sort(some)
    return np.asarray(some[np.argsort(-hardness[some], kind="stable")], np.int64)


def margin(shares: Floats) -> npt.NDArray[np.float64]:
    """1 minus the distance of the two most probable classes, shape (n,): 1 is a tie. One class alone is no tie."""
    if shares.shape[1] < 2:
        return np.zeros(len(shares))
    top = np.partition(shares, shares.shape[1] - 2, axis=1)[:, -2:]
    return np.asarray(1 - (top[:, 1] - top[:, 0]), np.float64)
