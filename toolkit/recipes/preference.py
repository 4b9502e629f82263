"""Pairs of a better and a worse answer, with the length of both kept out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.recipes.asking import ABOUT, SPOKEN, SYSTEM, ask, faulty, place, texts_of

PROMPT = f"""\
Write {{{{ rows }}}} different requests to an assistant, each with two answers: "chosen", which is good, and \
"rejected", which a careful reader would like less for this reason alone: {{{{ description or label }}}}.
The {{{{ longer }}}} answer is the longer one, by a fifth to a half. Both are of the same style and form, and the \
rejected one does not announce what is wrong with it.
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects, each with "prompt", "chosen" and "rejected", and nothing else."""
_NAMES_ITSELF = re.compile(
    r"(?i)\A\W*(?:the )?(?:chosen|rejected|good|bad|better|worse)(?: (?:answer|response|one))?\s*[*_\"]*:"
    r"|\bthis (?:answer|response) is (?:the )?(?:wrong|worse|incorrect|incomplete|vague|rejected|chosen|better)\b"
    r"|\b(?:rejected|chosen) (?:answer|response)\b"
)
SIDES = ("chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Preference:
    """`{"prompt", "chosen", "rejected"}` rows; the labels of the recipe are what is wrong with the rejected answer.

    A reward that prefers length is the usual fault of such pairs. So which side is to be the longer one
    turns from request to request, and `length-control` refuses a pair that did not obey. Proof: lengths
    say nothing; that the chosen answer is the better one is for a `judge` or `python`.
    """

    id: ClassVar[str] = "preference"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`length-control`: the side asked for is the longer one; with `judge`, the order"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"length-control": {}, "verify": {"use": SPOKEN}}
    kinds: ClassVar[Mapping[str, str]] = {
        "wrong": "it states something false",
        "incomplete": "it leaves out a part of what was asked",
        "vague": "it stays general where something definite was asked",
        "ignores": "it does not keep to a condition of the request",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False

    def cook(self, seed: Seed) -> Conversation:
        longer = SIDES[(place(Seed(seed.cell)) + seed.sample // max(seed.rows, 1)) % 2]

        def row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
            return _row(item, seed.cell.label, longer)

        return ask(self, seed, row, longer=longer)


def _row(item: Any, label: str, longer: str) -> GeneratedRow:
    found = texts_of(item, "prompt", *SIDES)
    if len(found) != 3:
        return faulty(item, label, "lacks a prompt, a chosen or a rejected answer")
    prompt, chosen, rejected = found
    if any(_NAMES_ITSELF.search(each) for each in (chosen, rejected)):
        return faulty(item, label, "says which of its answers is the worse one")
    proof = {"longer": longer, "chosen": chosen, "rejected": rejected}
    return GeneratedRow({"prompt": prompt, "chosen": chosen, "rejected": rejected}, prompt, label, proof=proof)
