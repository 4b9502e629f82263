"""Chat messages in a column of another name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed
from toolkit.formats.messages import Messages


@dataclass(frozen=True, slots=True)
class MessagesColumn:
    """Role-and-content messages in a column that is not called `messages` (`traj`, `dialogue`, ...): the first such."""

    id: ClassVar[str] = "messages-column"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 2 if _column(row) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        return Messages(_column(row) or "messages").parse(row)

    def write(self, parsed: Parsed) -> dict[str, Any]:
        return Messages().write(parsed)


def _column(row: Mapping[str, Any]) -> str:
    return next((key for key, value in row.items() if turns.is_messages(value)), "")
