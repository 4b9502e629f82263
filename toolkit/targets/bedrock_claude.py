"""Claude on Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example, flat

KEYS = frozenset({"role", "content"})


@dataclass(frozen=True, slots=True)
class BedrockClaude:
    """JSON Lines for tuning Claude 3 Haiku on Bedrock: `system` beside `messages` of user and assistant in turn.

    It takes no tools, and no turn can be left out of the loss. Counts and lengths are in
    schemas/profiles/bedrock-claude.yaml.
    """

    id: ClassVar[str] = "bedrock-claude"
    title: ClassVar[str] = "Claude on Bedrock: SFT"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "messages"}
    keys: ClassVar[frozenset[str] | None] = frozenset()
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "bedrock-claude"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        body = flat(found.messages, KEYS)
        if body and body[0]["role"] == "system" and body[0].get("content"):
            return {"system": body[0]["content"], "messages": body[1:]}
        return {"messages": body}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
