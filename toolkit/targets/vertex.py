"""Gemini on Vertex AI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.formats.vertex import Vertex as Format
from toolkit.outbound.example import Example, flat


@dataclass(frozen=True, slots=True)
class Vertex:
    """JSON Lines for tuning Gemini on Vertex AI: systemInstruction, contents and function declarations.

    Calls have no ids there, so ids are lost; a tool's result that is no JSON object stands under `result`.
    No turn can be left out of the loss. What the service rejects is in schemas/profiles/vertex.yaml.
    """

    id: ClassVar[str] = "vertex"
    title: ClassVar[str] = "Gemini on Vertex AI: SFT"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "vertex"}
    keys: ClassVar[frozenset[str] | None] = frozenset()
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = "vertex"
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        flat(found.messages)
        return Format().write(found.parsed)

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
