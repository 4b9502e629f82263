"""Together AI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example, Unfit, flat, identified

KEYS = frozenset({"role", "content", "weight"})


@dataclass(frozen=True, slots=True)
class Together:
    """JSON Lines for Together AI: messages, prompt and completion, text, or preference pairs, and nothing beside.

    Its checker refuses a file for any further column. tools: since 2026 some models take `tools` and
    calls (function-calling fine-tuning); without this option rows with tools are refused.
    """

    id: ClassVar[str] = "together"
    title: ClassVar[str] = "Together AI fine-tuning: SFT, DPO, text"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft", "preference": "dpo", "text": "text"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "", "dpo": "preference", "text": "text"}
    keys: ClassVar[frozenset[str] | None] = KEYS
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "together"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    tools: bool = False

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        if mode == "text":
            return {"text": found.text}
        used = found.tools or any(each.get("tool_calls") or each.get("role") == "tool" for each in found.messages)
        if used and not self.tools:
            raise Unfit(
                "tools", "Together's checker refuses tools; --set together.tools=true where the model takes them"
            )
        keys = KEYS | ({"tool_calls", "tool_call_id"} if self.tools else set())
        more = {"tools": found.tools} if found.tools else {}
        if mode == "sft" and found.sides is not None:
            return {"prompt": found.sides[0], "completion": found.sides[1]}
        body = identified(flat(found.messages, keys))
        if mode == "sft":
            return {"messages": body, **more}
        prompt, chosen = found._replace(messages=body).prompt_and_answer()
        sides = {"preferred_output": chosen, "non_preferred_output": flat(found.rejected or (), keys)}
        return {"input": {"messages": prompt, **more}, **sides}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
