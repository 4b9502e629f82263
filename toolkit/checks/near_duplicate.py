"""D02: near duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Fact, Findings, Result
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.near.shared import NearRows

RECALL = 0.995
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
    `exact=true` finds all. Of each cluster one row stays, and every row that leaves has a verified
    near-duplicate that stays: the `longest`, the `first`, the `last`, the one with the latest date
    (`keep=newest:created_at`) or the highest number (`keep=best:score`) in a column of its own.

    Among very many rows that all resemble each other not every pair is listed: each has its
    neighbours, and at most 16 pairs a row are reported in all. The fact `crowd` says where this began.

    Pairs that differ only in numbers (`number-variant`) are often different problems, and pairs with
    different labels (`other-label`) are a question of the label: both are reported and neither is
    removed by itself. Missed: paraphrases. Source: Broder 1997; Bayardo et al. 2007 for `exact`.
    """

    id: ClassVar[str] = "near-duplicate"
    code: ClassVar[str] = "D02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("body", "label", "raw")

    threshold: float = 0.7
    shingle: str = "c5"
    exact: bool = False
    keep: str = "longest"

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.preference import parse_rule
        from toolkit.near.shared import near_rows
        from toolkit.near.variants import number_variants

        rule, column = parse_rule(self.keep)
        near = near_rows(view, self.threshold, self.shingle, self.exact)
        rank = _rank(view, near, rule, column)
        swap = rank[near.pairs.left] < rank[near.pairs.right]
        leaves = np.where(swap, near.pairs.right, near.pairs.left)
        stays = np.where(swap, near.pairs.left, near.pairs.right)
        labels = view.table("label").column("label")
        kinds = _kinds(near.pairs.jaccard, number_variants(near.texts, near.pairs), _differ(labels, leaves, stays))
        for kind, words in WORDS.items():
            is_kind = kinds == kind
            if is_kind.any():
                pairs = near.rows[leaves[is_kind]], near.rows[stays[is_kind]]
                message = words if kind == "other-label" else f"{words}; {_why(rule, column)}"
                yield Findings(pairs[0], near.pairs.jaccard[is_kind], message, kind, pairs[1])
        yield Fact("pairs", float(len(near.pairs.left)), "pairs")
        yield Fact("recall at the threshold", 1.0 if self.exact else RECALL)
        if near.crowd:
            yield Fact("crowd", float(near.crowd), "rows")


def _why(rule: str, column: str) -> str:
    if not column:
        return f"the {rule} is preferred"
    return f"the {'latest' if rule == 'newest' else 'highest'} '{column}' is preferred"


def _rank(view: View, near: NearRows, rule: str, column: str) -> np.ndarray:
    """The order in which rows with a pair are preferred, lower first, shape (len(near.rows),)."""
    from toolkit.near.preference import by_length, by_value

    rows = np.union1d(near.pairs.left, near.pairs.right)
    order = rows[::-1] if rule == "last" else rows if rule == "first" else by_length(near.texts, rows)
    if column and len(rows):
        at = np.sort(rows)
        raws = _raws(view, near.rows[at])
        place = np.searchsorted(at, order)
        order = by_value((raws[i] for i in place.tolist()), rule, column, order)
    rank = np.zeros(len(near.rows), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _raws(view: View, ordinals: np.ndarray) -> list[str]:
    """The own JSON of these rows, in the order of their ordinals."""
    found: list[str] = []
    for batch in view.batches("raw"):
        mask = np.isin(batch.column("row").to_numpy(), ordinals)
        found += batch.column("raw").filter(pa.array(mask)).to_pylist()
    return found


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
