"""Rows of a text and its label, for a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.recipes.asking import ABOUT, ask, faulty

SYSTEM = "You write realistic examples for training a text classifier. Answer with JSON only."
PROMPT = f"""\
Write {{{{ rows }}}} different texts of the class "{{{{ label }}}}"\
{{% if description %}}: {{{{ description }}}}{{% endif %}}.
{{% if others %}}
They must not belong to any of these classes: {{{{ others | join(", ") }}}}.
{{% endif %}}
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} strings and nothing else."""


@dataclass(frozen=True, slots=True)
class Classification:
    """`{"text": ..., "label": ...}` rows, asked for one cell of labels and attributes at a time.

    A reply that holds no JSON list is asked for again at most twice, then it counts as dead with its
    text kept. `prompt` and `system` are templates that see rows, label, description, attributes,
    others, examples and shun. Proof: the label stands as asked for; that the text means it is for
    `round-trip` (a second model, or a probe of your seeds).
    """

    id: ClassVar[str] = "classification"
    version: ClassVar[str] = "2"
    proof: ClassVar[str] = "the label asked for; with `round-trip`, a second reader's label"

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False

    def cook(self, seed: Seed) -> Conversation:
        return ask(self, seed, _row)


def _row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
    """An item as a row: a text of the label asked for, or an object that names its own label."""
    text, label = item, seed.cell.label
    if isinstance(item, Mapping):
        text, label = item.get("text"), str(item.get("label", label))
    if not isinstance(text, str):
        return faulty(item, label, "is no text")
    return GeneratedRow({"text": text, "label": label}, text, label)
