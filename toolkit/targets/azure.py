"""Azure OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example
from toolkit.targets.openai import OpenAi


@dataclass(frozen=True, slots=True)
class Azure:
    """The rows of OpenAI for Azure, in files that begin with a byte-order mark, as Azure asks.

    See `toolkit parts openai` for the rows and schemas/profiles/azure.yaml for what the service rejects.
    """

    id: ClassVar[str] = "azure"
    title: ClassVar[str] = "Azure OpenAI fine-tuning: SFT and DPO"
    takes: ClassVar[Mapping[str, str]] = OpenAi.takes
    reads: ClassVar[Mapping[str, str]] = OpenAi.reads
    keys: ClassVar[frozenset[str] | None] = OpenAi.keys
    store: ClassVar[str] = "jsonl-bom"
    profile: ClassVar[str] = "azure"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        return OpenAi().convert(found, mode)

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
