"""Rows of a prompt and its completion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Request, Seed
from toolkit.recipes.asking import ask_for_list, prompts

SYSTEM = "You write training examples for an assistant. Answer with JSON only."
PROMPT = """\
Write {{ rows }} different tasks of the kind "{{ label }}"{% if description %}: {{ description }}{% endif %}.
{% for attribute in attributes %}
Their {{ attribute.name }}: {{ attribute.value }}.
{% endfor %}
{% for example in examples %}
An example of the kind: {{ example.text }}
{% endfor %}
{% for text in shun %}
Do not repeat: {{ text }}
{% endfor %}
Answer with a JSON list of {{ rows }} objects, each with "prompt" and "completion", and nothing else."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """`{"prompt": ..., "completion": ...}` rows; the labels of the recipe are the kinds of task.

    A reply that holds no JSON list is asked for again at most twice, then it counts as dead with its
    text kept. Templates see the same names as those of `classification`.
    """

    id: ClassVar[str] = "instruction"
    version: ClassVar[str] = "1"

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM

    def cook(self, seed: Seed) -> Conversation:
        request = Request(seed, prompts(seed, self.labels, self.system, self.prompt))
        return ask_for_list(request, _row)


def _row(item: Any, seed: Seed) -> GeneratedRow:
    label = seed.cell.label
    prompt, completion = (item.get("prompt"), item.get("completion")) if isinstance(item, Mapping) else (None, None)
    if not isinstance(prompt, str) or not isinstance(completion, str):
        return GeneratedRow({"item": item}, "", label, fault="an item of the reply lacks a prompt or a completion")
    return GeneratedRow({"prompt": prompt, "completion": completion}, prompt, label)
