"""S07: ids are unique."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.types import Finding, Findings, Result
from toolkit.store.view import View


@dataclass(frozen=True, slots=True)
class DuplicateId:
    """The rows' own ids must be unique, or findings, labels and splits are joined to the wrong row.

    Found: an id that an earlier row has, and a file in which only some rows have an id. Ids are
    looked for in `id`, `row_id`, `uuid`, `_id`, `example_id`, or the column given with `--id`.
    """

    id: ClassVar[str] = "duplicate-id"
    code: ClassVar[str] = "S07"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("own_id",)

    def run(self, view: View) -> Iterator[Result]:
        table = view.table("own_id")
        ids = pc.dictionary_encode(table.column("own_id").combine_chunks())
        if isinstance(ids, pa.ChunkedArray):
            ids = ids.combine_chunks()
        known = ids.is_valid().to_numpy(zero_copy_only=False)
        if not known.any():
            raise NotApplicable("the rows have no ids of their own")
        rows = table.column("row").to_numpy()[known]
        codes = ids.indices.drop_null().to_numpy()
        _, first = np.unique(codes, return_index=True)
        first_of = np.empty(codes.max() + 1, np.int64)
        first_of[codes[first]] = first
        repeated = first_of[codes] != np.arange(len(codes))
        if repeated.any():
            other = rows[first_of[codes[repeated]]]
            yield Findings(rows[repeated], 1.0, "another row has the same id", "duplicate-id", other, "id")
        if not known.all():
            missing = int((~known).sum())
            yield Finding(None, 0.5, f"{missing:,} of {len(known):,} rows have no id", kind="missing-id")
