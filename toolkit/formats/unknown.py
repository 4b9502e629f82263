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
        return Parsed([], faults=(f"keys: {shown[:400]}{more}",))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        return {}
