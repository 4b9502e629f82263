"""A text and its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed, Turn

TEXTS = ("text", "sentence", "utterance", "query", "message", "body", "ticket", "content", "review", "question")
LABELS = ("label", "intent", "category", "class", "topic", "label_text", "sentiment", "target")


@dataclass(frozen=True, slots=True)
class TextLabel:
    """`{"text": ..., "label": ...}`: classification rows. Other column names are recognised from common ones
    (sentence, utterance, query, ...; intent, category, class, ...) or named with `text` and `label`."""

    id: ClassVar[str] = "text-label"
    text: str = ""
    label: str = ""

    def claims(self, row: Mapping[str, Any]) -> int:
        text, label = self._columns(row)
        return 5 if text in row and label in row else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        text, label = self._columns(row)
        turn = turns.plain("user", row[text]) if text in row else Turn("user", None, "missing")
        found = row.get(label)
        if found is None or found == "":
            return Parsed([turn], faults=("no-label",))
        return Parsed([turn], label=found if isinstance(found, str) else turns.as_json(found))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        text = next((turn.content for turn in parsed.turns if turn.role == "user"), None)
        return {self.text or "text": text, self.label or "label": parsed.label}

    def _columns(self, row: Mapping[str, Any]) -> tuple[str, str]:
        text = self.text or next((name for name in TEXTS if name in row), "text")
        label = self.label or next((name for name in LABELS if name in row and name != text), "label")
        return text, label
