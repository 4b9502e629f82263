"""Harder, narrower or broader versions of rows that exist, looked over once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from toolkit.core.quotes import WORD
from toolkit.core.request import Conversation, Example, GeneratedRow, Message, Request, Seed
from toolkit.core.text import normal_text
from toolkit.recipes.asking import SPOKEN, SYSTEM, ask, ask_further, faulty, pair, place

PROMPT = """\
Here are {{ parents | length }} requests to an assistant. Write one new request from each, in their order: \
{{ description or label }}. The new one must make sense by itself and be another request, not the same in other words. \
Answer each as well as you can.
{% for parent in parents %}
---
{{ parent }}
{% endfor %}
---
{% for attribute in attributes %}
Their {{ attribute.name }}: {{ attribute.value }}.
{% endfor %}
{% for text in shun %}
Do not repeat or lightly reword: {{ text }}
{% endfor %}
Answer with a JSON list of {{ parents | length }} objects, each with "prompt" and "completion", and nothing else."""
REFINE = (
    "Now read each completion as its hardest critic: what is wrong, missing, or said twice? Write the list again "
    "with the same prompts in the same order and completions that stand up to that. Answer with the JSON list alone."
)
FEW_WORDS = 2


@dataclass(frozen=True, slots=True)
class Evolve:
    """`{"prompt", "completion"}` rows made from your own in `seeds`; the labels are the ways to evolve them.

    Every row names its parent, so a split keeps the two together. refine: the model reads its answers as
    a critic and writes them again in a second request; an answer whose prompt does not come back stands as it was.
    Method: evolved instructions (Xu et al. 2023) and self-refinement (Madaan et al. 2023), one round of
    each. Proof: a child differs from every parent (`dedupe` with `near`); its worth is for a `judge`.
    """

    id: ClassVar[str] = "evolve"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "it is no near copy of a parent; with `judge`, its worth"
    needs: ClassVar[tuple[str, ...]] = ("examples",)
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"dedupe": {"near": 0.85}, "verify": {"use": SPOKEN}}
    kinds: ClassVar[Mapping[str, str]] = {
        "deepen": "ask for more depth or one more step of reasoning",
        "constrain": "add a condition that changes the answer",
        "concretise": "put a definite situation in the place of general words",
        "broaden": "a rarer subject of the same field, as hard as this one",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    examples: Sequence[Example] = ()
    refine: bool = True

    def cook(self, seed: Seed) -> Conversation:
        parents = self._parents(seed)

        def row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
            found = pair(item, seed.cell.label)
            if any(_repeats(found.text, each.text) for each in parents):
                return faulty(item, seed.cell.label, "repeats a parent, give or take a word or two")
            lineage = {"parents": [parents[nth].ref]} if nth < len(parents) and parents[nth].ref else {}
            return replace(found, lineage=lineage)

        rows: list[GeneratedRow]
        rows, request, text = yield from _remembered(ask(self, seed, row, parents=[each.text for each in parents]))
        if not self.refine or any(each.fault for each in rows):
            return rows
        return (yield from _refined(rows, request, text))

    def _parents(self, seed: Seed) -> list[Example]:
        """As many rows as are asked for, in turn from a place that differs from cell to cell."""
        start = place(Seed(seed.cell)) + seed.sample
        return [self.examples[(start + nth) % len(self.examples)] for nth in range(seed.rows)]


def _repeats(child: str, parent: str) -> bool:
    """Whether one has all the words of the other and at most two more; by shingles short texts would differ."""
    one, other = (Counter(WORD.findall(normal_text(text))) for text in (child, parent))
    more, less = (one - other).total(), (other - one).total()
    return bool(child) and min(more, less) == 0 and max(more, less) <= FEW_WORDS


def _remembered(conversation: Conversation) -> Any:
    """The rows of a conversation, with its last request and the text of its last reply."""
    request = next(conversation)
    while True:
        reply = yield request
        try:
            request = conversation.send(reply)
        except StopIteration as done:
            return list(done.value), request, reply.text


def _refined(rows: list[GeneratedRow], request: Request, text: str) -> Conversation:
    added = (Message("assistant", text), Message("user", REFINE))
    items = yield from ask_further(replace(request, messages=(*request.messages, *added)))
    # By its prompt, which the order of a second list may not keep.
    better = {normal_text(new.text): new for new in (pair(item, "") for item in items) if not new.fault}
    again = [better.get(normal_text(row.text)) for row in rows]
    return [
        row if new is None else replace(row, fields={**row.fields, "completion": new.fields["completion"]})
        for row, new in zip(rows, again, strict=True)
    ]
