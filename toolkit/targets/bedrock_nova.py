"""Amazon Nova on Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.formats.bedrock import Bedrock
from toolkit.outbound.example import Example, flat


@dataclass(frozen=True, slots=True)
class BedrockNova:
    """JSON Lines in Bedrock's conversation schema for tuning Amazon Nova.

    No turn can be left out of the loss. Some words in a prompt make the job fail; they and the counts are
    in schemas/profiles/bedrock-nova.yaml.
    """

    id: ClassVar[str] = "bedrock-nova"
    title: ClassVar[str] = "Amazon Nova on Bedrock: SFT"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "bedrock"}
    keys: ClassVar[frozenset[str] | None] = frozenset()
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "bedrock-nova"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        flat(found.messages)
        return Bedrock().write(found.parsed)

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
