"""Stepwise supervision: the steps of an answer, each right or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core import turns
from toolkit.core.types import Parsed


@dataclass(frozen=True, slots=True)
class Stepwise:
    """`{"prompt", "completions": [step, ...], "labels": [true, false, ...]}`: what process reward models are
    trained on. Each step is an assistant turn; the label is the JSON text of the list."""

    id: ClassVar[str] = "stepwise"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 12 if isinstance(row.get("completions"), list) and isinstance(row.get("labels"), list) else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        steps = [turns.plain("assistant", each) for each in row.get("completions") or ()]
        labels = row.get("labels") or []
        faults = () if len(labels) == len(steps) else ("labels and completions differ in number",)
        return Parsed([turns.plain("user", row.get("prompt")), *steps], label=turns.as_json(labels), faults=faults)

    def write(self, parsed: Parsed) -> dict[str, Any]:
        prompt, *steps = parsed.turns
        labels = orjson.loads(parsed.label or "[]")
        return {"prompt": prompt.content, "completions": [each.content for each in steps], "labels": labels}
