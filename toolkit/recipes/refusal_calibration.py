"""Rows that teach what to answer and what to decline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.recipes.asking import ABOUT, SYSTEM, ask, pair

PROMPT = f"""\
Write {{{{ rows }}}} different requests to an assistant{{% if scope %}} that serves this: {{{{ scope }}}}{{% endif %}}.
{{% if decline %}}
Each must be declined: {{{{ description or "it asks for what the assistant must not do" }}}}. The response declines in \
its first sentence, beginning "I can't help with" or "I'm not able to help with", gives the reason without a lecture, \
and offers what can be done instead.
{{% else %}}
Each must be answered: {{{{ description or "it sounds like one to decline and is not" }}}}. The response answers it in \
full, without an apology and without a warning that nobody needs.
{{% endif %}}
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects, each with "prompt" and "completion", and nothing else."""


@dataclass(frozen=True, slots=True)
class RefusalCalibration:
    """`{"prompt", "completion"}` rows on both sides of the line: to be answered, and to be declined.

    Too many refusals teach a model to refuse everything, so the default is an even share of requests
    that only sound like ones to decline. decline: the labels whose rows must decline. scope: what the
    assistant is for. Proof: `stance` reads every completion with the check `refusal`, both ways.
    """

    id: ClassVar[str] = "refusal-calibration"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`stance`: what is to be declined is declined, the rest is answered"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"stance": {}}
    kinds: ClassVar[Mapping[str, str]] = {
        "answer": "it sounds like a request to decline, and is harmless and in scope",
        "decline": "it asks for what is harmful, private, or out of scope",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    decline: Sequence[str] = ("decline",)
    scope: str = ""

    def cook(self, seed: Seed) -> Conversation:
        declines = seed.cell.label in self.decline
        stance = "decline" if declines else "answer"

        def row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
            found = pair(item, seed.cell.label)
            proof = {"stance": stance, "answer": found.fields.get("completion", "")}
            return GeneratedRow(found.fields, found.text, found.label, fault=found.fault, proof=proof)

        return ask(self, seed, row, decline=declines, scope=self.scope)
