"""A prompt alone, or with a reference that an answer can be held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed
from toolkit.formats import prompt_completion

REFERENCES = ("reference", "reference_answer", "ground_truth", "solution")


@dataclass(frozen=True, slots=True)
class PromptOnly:
    """`{"prompt"}` as text or as messages that end with the user's: what online methods (GRPO, RLOO) take, with
    a `reference` (or reference_answer, ground_truth, solution) for their reward, read as the answer."""

    id: ClassVar[str] = "prompt-only"

    def claims(self, row: Mapping[str, Any]) -> int:
        prompt = row.get("prompt")
        if isinstance(prompt, str):
            return 6
        last = prompt[-1].get("role") if isinstance(prompt, list) and turns.is_messages(prompt) else None
        return 6 if last in ("user", "tool") else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        found = prompt_completion.side("user", row.get("prompt"))
        key = next((name for name in REFERENCES if row.get(name) is not None), None)
        answer = [] if key is None else [turns.plain("assistant", row[key])]
        return Parsed([*found, *answer], tools=turns.as_text(row.get("tools")))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        body = list(parsed.turns)
        answer = body.pop().content if body and body[-1].role == "assistant" else None
        plain = len(body) == 1 and body[0].role == "user"
        row = {"prompt": body[0].content if plain else [turns.as_message(turn) for turn in body]}
        row |= {} if answer is None else {"reference": answer}
        return row if parsed.tools is None else {**row, "tools": parsed.tools}
