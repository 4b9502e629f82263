"""Rows of a prompt and its completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.recipes.asking import ABOUT, SPOKEN, SYSTEM, ask, pair

PROMPT = f"""\
Write {{{{ rows }}}} different tasks of the kind "{{{{ label }}}}"\
{{% if description %}}: {{{{ description }}}}{{% endif %}}.
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects, each with "prompt" and "completion", and nothing else."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """`{"prompt": ..., "completion": ...}` rows; the labels of the recipe are the kinds of task.

    A reply that holds no JSON list is asked for again at most twice, then it counts as dead with its
    text kept. Templates see the same names as those of `classification`. Proof: nothing proves a free
    answer; add a `judge` and read a sample.
    """

    id: ClassVar[str] = "instruction"
    version: ClassVar[str] = "2"
    proof: ClassVar[str] = "nothing by itself; with `judge`, a second model's verdict"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"verify": {"use": SPOKEN}}

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False

    def cook(self, seed: Seed) -> Conversation:
        return ask(self, seed, _row)


def _row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
    return pair(item, seed.cell.label)
