"""System turns without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class EmptySystem:
    """A first system turn that holds nothing or only white space is taken away, where other turns follow.

    Some chat templates put their own default where a row has no system turn: a team that wrote empty
    ones to switch that off runs `--skip empty-system`.
    """

    id: ClassVar[str] = "empty-system"
    on: ClassVar[str] = "row"
    order: ClassVar[int] = 90

    def mend(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        found = {name: value[1:] for name, value in row.items() if _starts_empty(value)}
        return {**row, **found} if found else None


def _starts_empty(value: Any) -> bool:
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], dict):
        return False
    role = value[0].get("role", value[0].get("from"))
    content = value[0].get("content", value[0].get("value"))
    return role == "system" and (content is None or (isinstance(content, str) and not content.strip()))
