"""Rows in the voice of a brand, from samples of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, Example, GeneratedRow, Seed
from toolkit.recipes.asking import SPOKEN, SYSTEM, ask, pair, place

PROMPT = """\
These texts were written in one voice:
{% for text in voice %}
---
{{ text }}
{% endfor %}
---
Write {{ rows }} different requests of the kind "{{ label }}"{% if description %}: {{ description }}{% endif %}, \
and answer each in that very voice: its length of sentence, its words, its manner of address, what it never says.
{% for attribute in attributes %}
Their {{ attribute.name }}: {{ attribute.value }}.
{% endfor %}
{% for text in shun %}
Do not repeat or lightly reword: {{ text }}
{% endfor %}
Take no sentence over from the samples.
Answer with a JSON list of {{ rows }} objects, each with "prompt" and "completion", and nothing else."""
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Style:
    """`{"prompt", "completion"}` rows whose completions sound like the samples in `seeds`.

    Four samples are shown with each request, drawn by its place in the plan, so that all of them serve.
    Proof: words that the brand demands or bans are held by `rules`, and no run of 13 words of a sample
    comes back; whether it sounds right is for a `judge` that is told how, and for you.
    """

    id: ClassVar[str] = "style"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`rules` on words and length, no sample copied; with `judge`, the voice"
    needs: ClassVar[tuple[str, ...]] = ("examples",)
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"avoid": {"seeds": True}, "verify": {"use": SPOKEN}}
    kinds: ClassVar[Mapping[str, str]] = {
        "announcement": "say that something is new, changed or ends",
        "reply": "answer a question of a customer",
        "apology": "own up to a mistake and say what happens now",
        "explanation": "explain how something works to someone who does not know it",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    examples: Sequence[Example] = ()

    def cook(self, seed: Seed) -> Conversation:
        first = place(seed)
        count = min(SHOWN, len(self.examples))
        shown = [self.examples[(first + nth) % len(self.examples)] for nth in range(count)]
        return ask(self, seed, _row, voice=[each.answer or each.text for each in shown])


def _row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
    return pair(item, seed.cell.label)
