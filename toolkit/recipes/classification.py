"""Rows of a text and its label, for a classifier."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.core.text import normal_text
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
_NOT_ONE = re.compile(
    r"(?i)\s*(?:(?:sure|certainly|okay)\W+)?here (?:is|are) (?:an?|another|some|the|\d+|my)\b[^\n]*"
    r"\b(?:examples?|texts?|messages?|items?|variations?)\b[^\n]*:\s*\Z"
    r"|\s*\[\s*(?:insert|your|add|placeholder)\b[^\]]*\]\s*\Z|[\s.…]*\Z"
    r"|\s*(?:i(?:'|’)?m sorry|i am sorry|sorry|i apologi[sz]e)\b[^.!?]{0,20}"
    r"\bi (?:can(?:'|’)?t|cannot|am unable|won(?:'|’)?t)[^.!?]*"
    r"\b(?:(?:help|assist) (?:you )?with (?:that|this|creating|generating|writing)\b"
    r"|fulfil|comply with"
    r"|(?:creat|generat|produc|provid|writ)\w* (?:\w+ ){0,3}(?:content|examples?|texts?)\b)"
)
"""What a model puts into the list where it has no more texts, or will not write them."""


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
        return ask(self, seed, self._row)

    def _row(self, item: Any, seed: Seed, nth: int) -> GeneratedRow:
        """An item as a row: a text of the label asked for, or an object that names its own label."""
        text, label = item, seed.cell.label
        if isinstance(item, Mapping):
            text, label = item.get("text"), self._known(str(item.get("label", label)))
        if not isinstance(text, str):
            return faulty(item, label, "is no text")
        if _NOT_ONE.match(text):
            return faulty(item, label, "is about the texts, and none of them")
        return GeneratedRow({"text": text.strip(), "label": label}, text, label)

    def _known(self, said: str) -> str:
        """The label that a model means, whose case, blanks and underscores may differ; as said where none or two do."""
        meant = [name for name in self.labels if _folded(name) == _folded(said)]
        return meant[0] if len(meant) == 1 and said not in self.labels else said


def _folded(label: str) -> str:
    return " ".join(re.split(r"[\s_-]+", normal_text(label))).strip()
