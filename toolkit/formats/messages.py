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
    """`{"messages": [{"role", "content"}, ...], "tools": [...]}`: what OpenAI, TRL, axolotl and MLX-LM take; a
    `system` text beside the messages, as Claude has it, is the first turn."""

    id: ClassVar[str] = "messages"
    key: str = "messages"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 10 if self.key in row else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        label = row.get("label")
        found = turns.messages(row.get(self.key))
        above = row.get("system")
        if isinstance(above, str) and above and not (found and found[0].role == "system"):
            found = [turns.plain("system", above), *found]
        return Parsed(
            found,
            label=label if isinstance(label, str) else None,
            tools=turns.as_text(row.get("tools") or row.get("functions")),
        )

    def write(self, parsed: Parsed) -> dict[str, Any]:
        row: dict[str, Any] = {self.key: [turns.as_message(turn) for turn in parsed.turns]}
        if parsed.tools is not None:
            row["tools"] = orjson.loads(parsed.tools)
        if parsed.label is not None:
            row["label"] = parsed.label
        return row
