"""S02: the rows are of one known format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from toolkit.core.types import Finding, Result
from toolkit.store.view import View


@dataclass(frozen=True, slots=True)
class RowFormat:
    """Every row must have the one format of its file; a trainer decides the format by the first row.

    Found: rows with the keys of another format (a ShareGPT row among `messages`), and rows whose
    keys no format has, with a suggestion for a mistyped key. The file's format is the one that most
    of its first 1,000 rows have, or the one given with `--format`.

    Missed: a file in which every row is of the same wrong format. Example: `{"message": [...]}`.
    """

    id: ClassVar[str] = "row-format"
    code: ClassVar[str] = "S02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("format", "faults")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        wanted = view.manifest.format
        formats = batch.column("format").cast(pa.string()).to_numpy(zero_copy_only=False)
        odd = (formats != wanted) | (formats == "unknown")
        if not odd.any():
            return
        rows = batch.column("row").to_numpy()
        for at in odd.nonzero()[0].tolist():
            if formats[at] == "unknown":
                keys = next((fault for fault in batch.column("faults")[at].as_py() if fault.startswith("keys:")), "")
                yield Finding(int(rows[at]), 1.0, f"no known format; {keys}", kind="unknown")
                continue
            message = f"a {formats[at]} row in a file of {wanted} rows"
            if formats[at] == "messages-column":
                message = "its messages stand in a column that is not called as in the other rows"
            yield Finding(int(rows[at]), 1.0, message, kind="mixed")
