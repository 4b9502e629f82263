"""Llama on Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.formats.bedrock import Bedrock
from toolkit.outbound.example import Example, flat


@dataclass(frozen=True, slots=True)
class BedrockLlama:
    """JSON Lines in Bedrock's conversation schema for tuning Llama 3.x; texts of prompt and completion stay texts.

    No turn can be left out of the loss. Counts and lengths are in schemas/profiles/bedrock-llama.yaml.
    """

    id: ClassVar[str] = "bedrock-llama"
    title: ClassVar[str] = "Llama on Bedrock: SFT"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft"}
    reads: ClassVar[Mapping[str, str]] = {"sft": ""}
    keys: ClassVar[frozenset[str] | None] = frozenset()
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "bedrock-llama"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        if found.sides is not None:
            return {"prompt": found.sides[0], "completion": found.sides[1]}
        flat(found.messages)
        return Bedrock().write(found.parsed)

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
