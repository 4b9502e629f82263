"""L01: no row of one set in another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

COMMON = 10


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out row that also stands in the training data measures memory, not skill.

    Each row is compared with every reference (`--against FILE`, or the other side of a split) twice:
    its whole text without system turns, and its prompt alone, because a known question leaks with any
    answer. A prompt that more than ten rows and 1 % of a set share is an instruction, not a question,
    and is left out. Found: equal texts (`exact`) and a verified shingle Jaccard over the threshold
    (`near`); the nearest reference row is named. Facts: how many rows leak, by reference.

    Missed: paraphrases, translations, rows cut in pieces (see `semantic-leak`, `contamination`).
    Method as `near-duplicate`.
    """

    id: ClassVar[str] = "leak"
    code: ClassVar[str] = "L01"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "references"
    reads: ClassVar[tuple[str, ...]] = ("body", "prompt", "ref")

    threshold: float = 0.6
    shingle: str = "c5"
    columns: tuple[str, ...] = ("body", "prompt")

    def run(self, view: View) -> Iterator[Result]:
        if not view.references:
            raise NotApplicable("no file to compare with; give one with --against")
        for reference in view.references:
            found: dict[int, tuple[float, str]] = {}
            n_checked = 0
            for column in self.columns:
                n_checked = max(n_checked, self._compare(view, reference, column, found))
            for row, (score, other) in sorted(found.items()):
                kind = "exact" if score >= 1.0 else "near"
                words = "stands in" if kind == "exact" else "nearly stands in"
                message = f"the row {words} {reference.name}"
                yield Finding(row, score, message, kind=kind, evidence={"other": other, "reference": reference.name})
            exact = sum(score >= 1.0 for score, _ in found.values())
            yield Fact("rows compared", float(n_checked), "rows", reference.name)
            yield Fact("exact leaks", float(exact), "rows", reference.name)
            yield Fact("near leaks", float(len(found) - exact), "rows", reference.name)

    def _compare(self, view: View, reference: View, column: str, found: dict[int, tuple[float, str]]) -> int:
        """Put the best match of every leaking row into `found`; returns how many rows were compared."""
        from toolkit.near.pairs import near_pairs_between

        own, others = view.table(column), reference.table(column, "ref")
        texts, known = (_asked(table.column(column), column) for table in (own, others))
        pairs = near_pairs_between(texts, known, threshold=self.threshold, shingle=self.shingle)
        order = np.lexsort((pairs.right, -pairs.jaccard, pairs.left))
        _, best = np.unique(pairs.left[order], return_index=True)
        for at in order[best].tolist():
            row = int(own.column("row")[int(pairs.left[at])].as_py())
            score = float(pairs.jaccard[at])
            if score > found.get(row, (0.0, ""))[0]:
                found[row] = (score, others.column("ref")[int(pairs.right[at])].as_py())
        return len(own)


def _asked(texts: pa.ChunkedArray, column: str) -> pa.ChunkedArray:
    """Texts to compare: blank ones, and prompts that many rows share, as null."""
    filled = _blank_as_null(texts)
    return _shared_as_null(filled) if column == "prompt" else filled


def _shared_as_null(prompts: pa.ChunkedArray) -> pa.ChunkedArray:
    from toolkit.near.pairs import exact_groups

    first = exact_groups(prompts)
    common = np.bincount(first, minlength=len(first))[first] > max(COMMON, 0.01 * len(first))
    return pc.if_else(pa.array(common), pa.scalar(None, pa.large_string()), prompts)


def _blank_as_null(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0)
    return pc.if_else(blank, pa.scalar(None, pa.large_string()), texts)
