"""Rows of a text and its label, for a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Request, Seed
from toolkit.recipes.asking import ask_for_list, prompts

SYSTEM = "You write realistic examples for training a text classifier. Answer with JSON only."
PROMPT = """\
Write {{ rows }} different texts of the class "{{ label }}"{% if description %}: {{ description }}{% endif %}.
{% for attribute in attributes %}
Their {{ attribute.name }}: {{ attribute.value }}.
{% endfor %}
{% if others %}
They must not belong to any of these classes: {{ others | join(", ") }}.
{% endif %}
{% if examples %}
Examples of the class, for its style; do not copy them:
{% for example in examples %}
- {{ example.text }}
{% endfor %}
{% endif %}
{% if shun %}
Do not repeat or lightly reword these:
{% for text in shun %}
- {{ text }}
{% endfor %}
{% endif %}
Answer with a JSON list of {{ rows }} strings and nothing else."""


@dataclass(frozen=True, slots=True)
class Classification:
    """`{"text": ..., "label": ...}` rows, asked for one cell of labels and attributes at a time.

    A reply that holds no JSON list is asked for again at most twice, then it counts as dead with its
    text kept. `prompt` and `system` are templates that see rows, label, description, attributes,
    others, examples and shun.
    """

    id: ClassVar[str] = "classification"
    version: ClassVar[str] = "1"

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM

    def cook(self, seed: Seed) -> Conversation:
        request = Request(seed, prompts(seed, self.labels, self.system, self.prompt))
        return ask_for_list(request, _row)


def _row(item: Any, seed: Seed) -> GeneratedRow:
    """An item as a row: a text of the label asked for, or an object that names its own label."""
    text, label = item, seed.cell.label
    if isinstance(item, Mapping):
        text, label = item.get("text"), str(item.get("label", label))
    if not isinstance(text, str):
        return GeneratedRow({"item": item}, "", label, fault="an item of the reply is no text")
    return GeneratedRow({"text": text, "label": label}, text, label)
