"""OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example, Message, identified

KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id", "weight", "name"})
"""Of a message."""


@dataclass(frozen=True, slots=True)
class OpenAi:
    """JSON Lines for OpenAI's fine-tuning: supervised chats with tools and weights, and preference pairs (DPO).

    Tool calls without an id get one by their place. Other columns than messages, tools and
    parallel_tool_calls are left out. What the service rejects is in schemas/profiles/openai.yaml.
    """

    id: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI fine-tuning: SFT and DPO"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft", "preference": "dpo"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "messages", "dpo": "preference"}
    keys: ClassVar[frozenset[str] | None] = KEYS
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "openai"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        body = {"messages": kept(found.messages, self.keys or KEYS)}
        body |= {} if found.tools is None else {"tools": found.tools}
        if "parallel_tool_calls" in found.extra:
            body["parallel_tool_calls"] = found.extra["parallel_tool_calls"]
        if mode == "sft":
            return body
        prompt, chosen = found._replace(messages=body["messages"]).prompt_and_answer()
        sides = {"preferred_output": chosen, "non_preferred_output": kept(found.rejected or [], self.keys or KEYS)}
        return {"input": {**body, "messages": prompt}, **sides}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}


def kept(found: list[Message], keys: frozenset[str]) -> list[Message]:
    """Messages with the keys that a service knows, and ids where calls lack them."""
    return identified([{key: value for key, value in each.items() if key in keys} for each in found])
