"""D02: near duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import UsageError
from toolkit.core.types import Fact, Findings, Result
from toolkit.store.view import View

KEEP = ("longest", "first", "last")
WORDS = {
    "exact": "the same text as another row",
    "near": "nearly the same text as another row",
    "number-variant": "the same words as another row with other numbers",
    "other-label": "nearly the same text as another row, with another label",
}


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Rows that differ in a typo, a word or punctuation count twice in training and leak across a split.

    Every pair is verified: its score is the exact Jaccard similarity of the two sets of shingles (5
    characters by default, or words: `shingle="w3"`) of the normalised text without system turns.
    Candidates come from min-hash bands, so a few pairs may be missed (recall .995 at the threshold);
    `exact=true` finds all. Of each cluster one row stays (`keep`: the longest, first or last), and
    every row that leaves has a verified near-duplicate that stays.

    Pairs that differ only in numbers (`number-variant`) are often different problems, and pairs with
    different labels (`other-label`) are a question of the label: both are reported and neither is
    removed by itself. Missed: paraphrases. Source: Broder 1997; Bayardo et al. 2007 for `exact`.
    """

    id: ClassVar[str] = "near-duplicate"
    code: ClassVar[str] = "D02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("body", "label")

    threshold: float = 0.7
    shingle: str = "c5"
    exact: bool = False
    keep: str = "longest"

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.shared import near_rows
        from toolkit.near.variants import number_variants

        if self.keep not in KEEP:
            raise UsageError(f"unknown way to keep '{self.keep}'", f"one of: {', '.join(KEEP)}")
        near = near_rows(view, self.threshold, self.shingle, self.exact)
        rank = self._rank(near.texts, np.union1d(near.pairs.left, near.pairs.right))
        swap = rank[near.pairs.left] < rank[near.pairs.right]
        leaves = np.where(swap, near.pairs.right, near.pairs.left)
        stays = np.where(swap, near.pairs.left, near.pairs.right)
        labels = view.table("label").column("label")
        kinds = _kinds(near.pairs.jaccard, number_variants(near.texts, near.pairs), _differ(labels, leaves, stays))
        for kind, words in WORDS.items():
            is_kind = kinds == kind
            if is_kind.any():
                pairs = near.rows[leaves[is_kind]], near.rows[stays[is_kind]]
                yield Findings(pairs[0], near.pairs.jaccard[is_kind], words, kind, pairs[1])
        yield Fact("pairs", float(len(near.pairs.left)), "pairs")

    def _rank(self, texts: pa.ChunkedArray, rows: np.ndarray) -> np.ndarray:
        """The order in which `rows` are preferred, lower first, as an array of shape (len(texts),).

        Of equally long texts the first in the alphabet is preferred, so that the order of the file
        does not matter; of equal texts the first row.
        """
        order = rows if self.keep != "last" else rows[::-1]
        if self.keep == "longest":
            chosen = texts.take(pa.array(rows))
            lengths = pc.negate(pc.fill_null(pc.utf8_length(chosen), 0).cast(pa.int64()))
            columns = pa.table({"length": lengths, "text": chosen, "row": rows})
            order = rows[pc.sort_indices(columns, [(name, "ascending") for name in columns.column_names]).to_numpy()]
        rank = np.zeros(len(texts), np.int64)
        rank[order] = np.arange(len(order))
        return rank


def _kinds(jaccard: np.ndarray, variant: np.ndarray, differ: np.ndarray) -> np.ndarray:
    kinds = np.where(jaccard >= 1.0, "exact", "near").astype(object)
    kinds[variant & (jaccard < 1.0)] = "number-variant"
    kinds[differ] = "other-label"
    return kinds


def _differ(labels: pa.ChunkedArray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    codes = pc.fill_null(labels, "").combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    indices = codes.indices.to_numpy()
    return np.asarray(indices[one] != indices[other])
