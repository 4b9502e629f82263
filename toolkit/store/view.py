"""What one check may see: the columns that it declared, of the rows in its scope.

A check that asks for a column it did not declare gets an error, so `reads` can be trusted when work
is planned, and nothing else can be leaked into a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from toolkit.store import columns as cols
from toolkit.store.dataset import Dataset, Group, Manifest

Made = TypeVar("Made")
Encode = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class View:
    """Rows of a data set as one check may see them.

    keep: ordinals of the rows in scope, sorted, None for all. references: other data sets to compare
    with, such as a training set or a benchmark, by name. encode: texts to unit vectors, shape
    (n, dim), None where no encoder is allowed. memo: what checks of one run computed and share. usage:
    a sample of real use, None where none was given; unlike a reference it may share rows with the data.
    """

    data: Dataset
    reads: tuple[str, ...]
    keep: np.ndarray | None = None
    references: tuple[View, ...] = ()
    name: str = ""
    encode: Encode | None = None
    memo: dict[Any, Any] = field(default_factory=dict)
    usage: View | None = None

    @property
    def manifest(self) -> Manifest:
        return self.data.manifest

    @property
    def n_rows(self) -> int:
        return self.data.n_rows if self.keep is None else len(self.keep)

    def batches(
        self, *columns: str, size: int = 8192, groups: Sequence[Group] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Batches of `row` and the named columns, of the rows in scope; of all row groups or some."""
        self._allow(columns)
        for batch in self.data.batches(columns, size, groups):
            found = self._scoped(batch)
            if len(found):
                yield found

    def table(self, *columns: str) -> pa.Table:
        """`row` and the named columns of every row in scope."""
        found = list(self.batches(*columns))
        if found:
            return pa.Table.from_batches(found)
        empty = pa.RecordBatch.from_pylist([], schema=cols.STORED)
        return pa.Table.from_batches([cols.derive(empty, columns)])

    def rejects(self) -> pa.Table:
        """The records that could not become rows: row, ref, source, position, code, reason, raw."""
        self._allow(("rejects",))
        return self.data.rejects()

    def once(self, key: str, make: Callable[[], Made]) -> Made:
        """What `make` returns, computed once for the rows in scope and shared by the checks of a run."""
        scoped = (key, str(self.data.folder), None if self.keep is None else self.keep.tobytes())
        if scoped not in self.memo:
            self.memo[scoped] = make()
        found: Made = self.memo[scoped]
        return found

    def _allow(self, columns: Sequence[str]) -> None:
        hidden = [name for name in columns if name not in self.reads and name != "row"]
        if hidden:
            raise LookupError(f"the check reads {', '.join(hidden)} but declares {', '.join(self.reads) or 'nothing'}")

    def _scoped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.keep is None:
            return batch
        # Both are sorted, so a batch needs only its own stretch of `keep`: the whole of it for each batch is quadratic.
        rows = batch.column("row").to_numpy()
        begin, end = np.searchsorted(self.keep, [rows[0], rows[-1] + 1]) if len(rows) else (0, 0)
        return batch.filter(pa.array(np.isin(rows, self.keep[begin:end], assume_unique=True)))
