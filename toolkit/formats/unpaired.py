"""Unpaired preference: one answer and whether it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed
from toolkit.formats import prompt_completion

LABELS = ("label", "kto_tag")


@dataclass(frozen=True, slots=True)
class Unpaired:
    """`{"prompt", "completion", "label": true}`, or `messages` with a boolean `label` (KTO)."""

    id: ClassVar[str] = "unpaired-preference"

    def claims(self, row: Mapping[str, Any]) -> int:
        tagged = any(isinstance(row.get(key), bool) for key in LABELS)
        return 11 if tagged and ("messages" in row or ("prompt" in row and "completion" in row)) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        tag = next((row[key] for key in LABELS if isinstance(row.get(key), bool)), None)
        label = None if tag is None else str(tag).lower()
        if "messages" in row:
            return Parsed(turns.messages(row["messages"]), label=label)
        sides = prompt_completion.PromptCompletion().parse(row)
        return sides._replace(label=label)

    def write(self, parsed: Parsed) -> dict[str, Any]:
        row = prompt_completion.PromptCompletion().write(parsed)
        return {**row, "label": parsed.label == "true"}
