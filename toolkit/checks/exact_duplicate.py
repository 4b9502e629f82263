"""D01: exact duplicates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Fact, Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View


@dataclass(frozen=True, slots=True)
class ExactDuplicate:
    """Copies of a row weigh double in training and, across a split, vouch for each other.

    Two rows are equal when their whole text (system turns, every turn, the rejected side), their
    label and their tools are the same after Unicode NFKC, lower case and squeezed white space. The
    first row stays. Cost: one hash of the text; a million equal rows are a million findings.

    Missed: rows that differ in a word (`near-duplicate`) or in wording (`semantic-duplicate`); rows
    with the same text and another label are a matter of `conflict`.
    """

    id: ClassVar[str] = "exact-duplicate"
    code: ClassVar[str] = "D01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("text", "label", "rejected", "tools")

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.pairs import exact_groups

        rows, keys = [], []
        for batch in view.batches("text", "label", "rejected", "tools"):
            rows.append(batch.column("row").to_numpy())
            keys.append(_key(batch))
        if not rows:
            return
        ordinals = np.concatenate(rows)
        first = exact_groups(pa.chunked_array(keys))
        copies = np.flatnonzero(first != np.arange(len(first)))
        yield Fact("distinct rows", float(len(first) - len(copies)), "rows")
        if len(copies):
            yield Findings(ordinals[copies], 1.0, "the same as an earlier row", "exact", ordinals[first[copies]])


def _key(batch: pa.RecordBatch) -> pa.Array:
    """What must be equal, as one text a row; null, that is never equal, where there is no text at all."""
    rejected = cols.text(pa.RecordBatch.from_arrays([batch.column("rejected")], names=["turns"]))
    extra = [pc.fill_null(batch.column(name), "").cast(pa.large_string()) for name in ("label", "tools")]
    joined = pc.binary_join_element_wise(batch.column("text"), rejected, *extra, pa.scalar("\x1f", pa.large_string()))
    return cols.null_where_blank(batch.column("text"), joined)
