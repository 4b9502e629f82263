"""The readiness report as JSON: every value of it, nothing cut, described by `schemas/report.schema.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from typing import Any, ClassVar

from toolkit.core.report import Report
from toolkit.renderers.words import escaped_json


@dataclass(frozen=True, slots=True)
class JsonReport:
    """The report as one JSON object: `version` and `verdict` first, then its fields in their order.

    Maps are sorted by key. A number that is not finite becomes null, for JSON has none. Control and
    bidi characters are written as escapes: the same values, safe to print.
    """

    id: ClassVar[str] = "json"
    suffix: ClassVar[str] = "json"
    version: ClassVar[int] = 1

    def render(self, report: Report) -> str:
        known = {"version": report.version, **_plain(report)}
        return escaped_json(json.dumps(known, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def _plain(value: Any) -> Any:
    """JSON of any value of a report: a record's fields keep their order, maps are sorted by key."""
    if isinstance(value, float) and not isfinite(value):
        return None
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in sorted(value.items())}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
