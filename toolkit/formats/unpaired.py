"""Unpaired preference: one answer and whether it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed
from toolkit.formats import prompt_completion, sharegpt

LABELS = ("label", "kto_tag")


@dataclass(frozen=True, slots=True)
class Unpaired:
    """`{"prompt", "completion", "label": true}`, or `messages` or `conversations` with a boolean `label` or
    `kto_tag` (KTO)."""

    id: ClassVar[str] = "unpaired-preference"

    def claims(self, row: Mapping[str, Any]) -> int:
        tagged = any(isinstance(row.get(key), bool) for key in LABELS)
        chat = "messages" in row or "conversations" in row
        return 11 if tagged and (chat or ("prompt" in row and "completion" in row)) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        tag = next((row[key] for key in LABELS if isinstance(row.get(key), bool)), None)
        label = None if tag is None else str(tag).lower()
        if "messages" in row:
            return Parsed(turns.messages(row["messages"]), label=label, tools=turns.as_text(row.get("tools")))
        if "conversations" in row:
            return sharegpt.ShareGpt().parse(row)._replace(label=label)
        sides = prompt_completion.PromptCompletion().parse(row)
        return sides._replace(label=label)

    def write(self, parsed: Parsed) -> dict[str, Any]:
        row = prompt_completion.PromptCompletion().write(parsed)
        return {**row, "label": parsed.label == "true"}
