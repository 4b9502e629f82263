"""Findings as a CSV table, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.listing import Line, Listing
from toolkit.renderers.words import shown

COLUMNS = ("id", "line", "check", "kind", "level", "score", "message", "other", "row")


@dataclass(frozen=True, slots=True)
class FindingTable:
    """One finding a line under a header, RFC 4180; streamed.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """

    id: ClassVar[str] = "csv"
    suffix: ClassVar[str] = "csv"
    of: ClassVar[str] = "findings"
    version: ClassVar[int] = 1

    def render(self, found: Listing) -> Iterator[str]:
        yield _row(COLUMNS)
        for line in found.lines():
            yield _row(_cells(line))


def _cells(line: Line) -> tuple[str, ...]:
    level, at = line.level.name.lower(), "" if line.line is None else str(line.line)
    score = f"{line.score:g}"
    texts = (line.ref, at, line.check, line.kind, level, score, line.message, line.other, line.row)
    return tuple(_inert(shown(text or "", 1000)) for text in texts)


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _row(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
