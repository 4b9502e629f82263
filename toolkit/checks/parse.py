"""S01: every record parses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from toolkit.core.types import Finding, Findings, Result
from toolkit.store.view import View

WORDS = {
    "duplicate-key": "a key stands twice in one object; parsers disagree on which value counts",
    "number-changed": "a number has more digits than a double holds; every JSON reader would change it",
    "extra-cells": "the row has more cells than the header has columns",
    "missing-cells": "the row has fewer cells than the header has columns",
}


@dataclass(frozen=True, slots=True)
class Parse:
    """Every record must parse as UTF-8 JSON (or as a cell row), or a trainer stops or drops it in silence.

    Found: broken, cut-off or blank lines, bytes that are not UTF-8, NUL, NaN and Infinity, half
    surrogate pairs, nesting beyond 254 levels, rows that are not objects; and in rows that do parse:
    duplicate keys, numbers that no double holds, cells beyond the header. What the reader had to do
    to the file as a whole (byte-order mark, UTF-16, CR line ends) is told as a note.

    Missed: text in a wrong but valid encoding (mojibake is a matter of `garbled`).
    Example: `{"messages": [...],}` has a comma too many.
    """

    id: ClassVar[str] = "parse"
    code: ClassVar[str] = "S01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("rejects", "faults")

    def run(self, view: View) -> Iterator[Result]:
        rejects = view.rejects()
        for record in rejects.select(["row", "code", "reason"]).to_pylist():
            yield Finding(record["row"], 1.0, record["reason"], kind=record["code"], column="record")
        for batch in view.batches("faults"):
            faults = batch.column("faults")
            rows = np.repeat(
                batch.column("row").to_numpy(), pc.list_value_length(faults).to_numpy(zero_copy_only=False)
            )
            names = faults.flatten().to_numpy(zero_copy_only=False)
            for kind, words in WORDS.items():
                found = rows[names == kind]
                if len(found):
                    yield Findings(np.unique(found), 1.0, words, kind)
        for source in view.manifest.sources:
            for note in source.notes:
                yield Finding(None, 0.0, f"{source.name}: {note}", kind="note")
