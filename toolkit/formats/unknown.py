"""A row that no format claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.errors import closest
from toolkit.core.types import Parsed

KNOWN = (
    "messages",
    "conversations",
    "instruction",
    "output",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "text",
    "label",
)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Keys of no known format: the row is kept as it was, has no turns, and schema checks name its keys."""

    id: ClassVar[str] = "unknown"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        keys = [str(key) for key in list(row)[:12]]
        hints = [f"{key}{closest(key, KNOWN)}" for key in keys]
        shown = ", ".join(hints) if hints else "no keys"
        more = f" and {len(row) - len(keys)} more" if len(row) > len(keys) else ""
        listed = next((key for key, value in row.items() if _is_rows(value)), None)
        hint = f"; rows stand in '{listed[:40]}': make a file of that list alone" if listed else ""
        return Parsed([], faults=(f"keys: {shown[:400]}{more}{hint}",))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        return {}


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(each, Mapping) for each in value)
