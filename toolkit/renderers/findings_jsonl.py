"""Findings as JSON lines, described by `schemas/finding.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.listing import Line, Listing
from toolkit.renderers.words import escaped_json


@dataclass(frozen=True, slots=True)
class FindingLines:
    """One JSON object a finding and line, the surest first within each check; streamed.

    Control and bidi characters are written as escapes, so that a line is safe to print.
    """

    id: ClassVar[str] = "jsonl"
    suffix: ClassVar[str] = "jsonl"
    of: ClassVar[str] = "findings"
    version: ClassVar[int] = 1

    def render(self, found: Listing) -> Iterator[str]:
        for line in found.lines():
            yield escaped_json(json.dumps(_plain(line), ensure_ascii=False)) + "\n"


def _plain(line: Line) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": line.ref,
        "check": line.check,
        "kind": line.kind,
        "score": line.score,
        "flag": line.flag,
        "message": line.message,
    }
    optional = {"row": line.row, "other": line.other}
    return {**told, **{name: value for name, value in optional.items() if value is not None}, **line.more}
