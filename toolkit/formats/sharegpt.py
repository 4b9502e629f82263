"""ShareGPT conversations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed, Turn

ROLE = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function_call": "assistant",
}
FROM = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}


@dataclass(frozen=True, slots=True)
class ShareGpt:
    """`{"conversations": [{"from": "human", "value": ...}, {"from": "gpt", ...}]}`, with `function_call` and
    `observation` turns for tools, and `system` and `tools` beside them."""

    id: ClassVar[str] = "sharegpt"
    key: str = "conversations"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 10 if self.key in row and "chosen" not in row else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        found = row.get(self.key)
        each = found if isinstance(found, list) else [found]
        system = [turns.plain("system", row["system"])] if row.get("system") else []
        return Parsed([*system, *map(turn, each)], tools=turns.as_text(row.get("tools")))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        row: dict[str, Any] = {self.key: [_written(turn) for turn in parsed.turns]}
        if parsed.tools is not None:
            row["tools"] = parsed.tools
        return row


def turn(value: Any) -> Turn:
    """One `from`/`value` turn; a role-and-content message in its place is read as one."""
    if not isinstance(value, Mapping) or "from" not in value:
        return turns.message(value)
    said = value["from"]
    role = ROLE.get(said, said) if isinstance(said, str) else None
    if said == "function_call":
        return Turn(role, None, "null", turns.as_text(value.get("value")))
    content, kind = turns.content_of(value["value"]) if "value" in value else (None, "missing")
    return Turn(role, content, kind, None, value.get("weight", 1) not in (0, False))


def _written(turn: Turn) -> dict[str, Any]:
    if turn.calls is not None and turn.content is None:
        return {"from": "function_call", "value": turn.calls}
    found: dict[str, Any] = {"from": FROM.get(turn.role or "", turn.role)}
    if turn.kind != "missing":
        found["value"] = turn.content
    if not turn.trains:
        found["weight"] = 0
    return found
