"""Mistral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example
from toolkit.targets.openai import KEYS, OpenAi, kept


@dataclass(frozen=True, slots=True)
class Mistral:
    """JSON Lines for Mistral: chats with tools and weights.

    Its templates want ids of nine letters and digits for tool calls, which calls without one get. Mistral
    calls its fine-tuning service deprecated; the rows fit mistral-finetune too. Rules: schemas/profiles/mistral.yaml.
    """

    id: ClassVar[str] = "mistral"
    title: ClassVar[str] = "Mistral fine-tuning: SFT"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft"}
    reads: ClassVar[Mapping[str, str]] = OpenAi.reads
    keys: ClassVar[frozenset[str] | None] = KEYS | {"prefix"}
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "mistral"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": kept(found.messages, self.keys or frozenset())}
        return body if found.tools is None else {**body, "tools": found.tools}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
