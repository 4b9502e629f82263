"""Questions about documents of the user's, with answers that quote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.marked import FENCED, fenced
from toolkit.core.passages import Passage
from toolkit.core.quotes import standing
from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.core.types import JSON
from toolkit.recipes.asking import SYSTEM, ask, faulty, place, texts_of

PROMPT = """\
A document stands between two marks. {{ fence }}
{{ document }}
{% if unanswerable %}
Write {{ rows }} different questions that a reader of this document may well ask and that it does not answer, and for \
each an answer that says what the document does not tell. Leave "quote" empty.
{% else %}
Write {{ rows }} different questions that this document answers, each with its answer and the quote that proves it, \
word for word from the document, of at least four words. Say nothing that the document does not.
{% endif %}
The questions must make sense to one who has not seen the document.
{% for attribute in attributes %}
Their {{ attribute.name }}: {{ attribute.value }}.
{% endfor %}
{% for text in shun %}
Do not repeat or lightly reword: {{ text }}
{% endfor %}
Answer with a JSON list of {{ rows }} objects, each with "question", "answer" and "quote", and nothing else."""

MARKS = frozenset(('""', "''", "“”", "„“", "„”", "«»", "»«", "‘’", "‚‘", "「」"))
NO_QUOTE = frozenset(("", "-", "–", "—", "n/a", "na", "none", "null", "empty"))
INSTRUCTIONS = "Answer from this document alone, and quote what proves the answer."


@dataclass(frozen=True, slots=True)
class GroundedQa:
    """`{"messages": [...]}` rows: a system turn with a passage, a question, an answer with its quote.

    `documents` names the files; each request shows one passage, in turn, so that all are asked about.
    Every row names its passage as parent, so a split keeps passages whole. unanswerable: labels whose
    questions the passage must not answer. Proof: `grounding` looks the quote and the numbers up.
    """

    id: ClassVar[str] = "grounded-qa"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`grounding`: the quote and every number of the answer stand in the passage"
    needs: ClassVar[tuple[str, ...]] = ("documents",)
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"dedupe": {"mask_numbers": False}, "grounding": {}}
    kinds: ClassVar[Mapping[str, str]] = {
        "answerable": "the passage answers it",
        "unanswerable": "the passage does not answer it",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    documents: Sequence[Passage] = ()
    unanswerable: Sequence[str] = ("unanswerable",)

    def cook(self, seed: Seed) -> Conversation:
        passage = self._passage(seed)
        open_ended = seed.cell.label in self.unanswerable

        def row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
            return _row(item, seed.cell.label, passage, open_ended)

        return ask(self, seed, row, document=fenced(passage.text), fence=FENCED, unanswerable=open_ended)

    def _passage(self, seed: Seed) -> Passage:
        """Passages in turn from a place that differs from cell to cell."""
        start = place(Seed(seed.cell))
        return self.documents[(start + seed.sample // max(seed.rows, 1)) % len(self.documents)]


def _quoted(said: str, document: str) -> str:
    """A quote as the document has it, whose marks and white space a model may change; empty where it says none."""
    bare = said.strip()
    while len(bare) > 1 and bare[0] + bare[-1] in MARKS:
        bare = bare[1:-1].strip()
    return "" if bare.lower().rstrip(".") in NO_QUOTE else " ".join((standing(bare, document) or bare).split())


def _row(item: Any, label: str, passage: Passage, open_ended: bool) -> GeneratedRow:
    found = texts_of(item, "question", "answer")
    told = item.get("quote") if isinstance(item, Mapping) else None
    told = told[0] if isinstance(told, list) and len(told) == 1 else told
    if len(found) != 2 or not isinstance(told or "", str):
        return faulty(item, label, "lacks a question or an answer")
    question, answer = found
    quote = _quoted(told or "", passage.text)
    completion = answer if not quote else f'{answer}\n\nSource: "{quote}"'
    # In the system turn, because rows about one passage are not copies of each other.
    messages: list[JSON] = [
        {"role": "system", "content": f"{INSTRUCTIONS}\n\n{passage.text}"},
        {"role": "user", "content": question},
        {"role": "assistant", "content": completion},
    ]
    return GeneratedRow(
        {"messages": messages},
        question,
        label,
        lineage={"parents": [passage.ref], "document": passage.source},
        proof={
            "document": passage.text,
            "question": question,
            "answer": answer,
            "quote": quote,
            "unanswerable": open_ended,
        },
    )
