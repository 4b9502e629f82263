"""OpenAI-style chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core import turns
from toolkit.core.types import Parsed


@dataclass(frozen=True, slots=True)
class Messages:
    """`{"messages": [{"role", "content"}, ...], "tools": [...]}`: what OpenAI, TRL, axolotl and MLX-LM take.

    Where there is no `messages` column, the first one that holds such a list is read.
    """

    id: ClassVar[str] = "messages"
    key: str = ""

    def claims(self, row: Mapping[str, Any]) -> int:
        if (self.key or "messages") in row:
            return 10
        return 2 if not self.key and _other_key(row) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        label = row.get("label")
        key = self.key or ("messages" if "messages" in row else _other_key(row))
        return Parsed(
            turns.messages(row.get(key)),
            label=label if isinstance(label, str) else None,
            tools=turns.as_text(row.get("tools") or row.get("functions")),
        )

    def write(self, parsed: Parsed) -> dict[str, Any]:
        row: dict[str, Any] = {self.key or "messages": [turns.as_message(turn) for turn in parsed.turns]}
        if parsed.tools is not None:
            row["tools"] = orjson.loads(parsed.tools)
        if parsed.label is not None:
            row["label"] = parsed.label
        return row


def _other_key(row: Mapping[str, Any]) -> str:
    """The first column beside `messages` that holds a list of role-and-content messages, or an empty string."""
    return next((key for key, value in row.items() if turns.is_messages(value)), "")
