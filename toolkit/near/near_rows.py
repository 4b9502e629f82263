"""Near-duplicate pairs of the rows in scope, which several checks need, found once for a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from toolkit.near.components import components
from toolkit.near.folded import undisguised
from toolkit.near.pairs import Pairs, find_pairs
from toolkit.near.scan import CROWD
from toolkit.store.view import View


class NearRows(NamedTuple):
    """Near-duplicate pairs of a view. rows: the ordinals, shape (n,); pairs index into them.

    crowd: the size from which rows under one key met only their neighbours to keep the pairs few; 0 for none.
    disguised: rows that were compared with look-alikes of Latin letters as those, shape (n,).
    """

    rows: np.ndarray
    texts: pa.ChunkedArray
    pairs: Pairs
    disguised: np.ndarray
    crowd: int = 0

    def groups(self) -> np.ndarray:
        """The smallest row, shape (n,), of those that pairs tie together; a row without a pair is its own."""
        return components(len(self.rows), self.pairs.left, self.pairs.right)


def near_rows(view: View, threshold: float, shingle: str = "c5", exact: bool = False) -> NearRows:
    """The verified near-duplicate pairs of a view's bodies (system turns left out), computed once."""

    def make() -> NearRows:
        table = view.table("body")
        texts = table.column("body")
        plain, disguised = undisguised(texts)
        found = find_pairs(plain, threshold=threshold, shingle=shingle, exact=exact)
        crowd = found.crowd if found.crowd < CROWD else 0
        return NearRows(table.column("row").to_numpy(), texts, found.pairs, disguised, crowd)

    return view.once(f"near {threshold} {shingle} {exact}", make)
