"""Fireworks AI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example
from toolkit.targets.openai import OpenAi


@dataclass(frozen=True, slots=True)
class Fireworks:
    """JSON Lines for Fireworks AI: OpenAI's chats with tools and weights, and its preference pairs.

    A system turn may only come first. What the service rejects is in schemas/profiles/fireworks.yaml.
    """

    id: ClassVar[str] = "fireworks"
    title: ClassVar[str] = "Fireworks AI fine-tuning: SFT and DPO"
    takes: ClassVar[Mapping[str, str]] = OpenAi.takes
    reads: ClassVar[Mapping[str, str]] = OpenAi.reads
    keys: ClassVar[frozenset[str] | None] = OpenAi.keys
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "fireworks"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        return OpenAi().convert(found, mode)

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
