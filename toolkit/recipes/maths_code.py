"""Problems with an answer that a program computes, and functions with tests that they pass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core import loose
from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.recipes.asking import ABOUT, SYSTEM, ask, faulty, texts_of

PROMPT = f"""\
Write {{{{ rows }}}} different {{% if coding %}}programming tasks{{% else %}}problems{{% endif %}} of the kind \
"{{{{ label }}}}"{{% if description %}}: {{{{ description }}}}{{% endif %}}.
{{% if coding %}}
Each asks for one Python function by its name, with what it takes and returns. "solution" is the code of the function, \
"tests" are at least four assert statements that call it, edge cases among them. The standard library alone is there.
{{% else %}}
Each has one numeric answer. "solution" reasons step by step, "answer" is the number alone, and "program" is Python \
that computes the answer from the numbers of the problem and prints it, without using the solution.
{{% endif %}}
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects, each with "problem", "solution" and \
{{% if coding %}}"tests"{{% else %}}"answer" and "program"{{% endif %}}, and nothing else."""
_ANSWER_LINE = re.compile(r"\n\s*####[^\n]*\s*\Z")


@dataclass(frozen=True, slots=True)
class MathsCode:
    """`{"prompt", "completion"}` rows: a problem with its reasoned answer, or a task with its code.

    Labels that begin with `code` are programming tasks. Proof: `code` runs each program in a child
    process with limits, and compares what it prints with the answer, or runs the tests. That child is
    not a security sandbox; see `toolkit parts code`. Offline, with `procedural`, numbers are drawn first.
    """

    id: ClassVar[str] = "maths-code"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`code`: a program prints the answer, or the solution passes tests that can fail"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"dedupe": {"mask_numbers": False}, "code": {}}
    kinds: ClassVar[Mapping[str, str]] = {
        "maths-purchase": "prices, quantities, change",
        "maths-percent": "parts of a whole, rises and falls",
        "maths-rate": "speed, time and work",
        "code-list": "a function over a list of numbers",
        "code-text": "a function over a text",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False

    def cook(self, seed: Seed) -> Conversation:
        coding = seed.cell.label.startswith("code")
        return ask(self, seed, _coded if coding else _solved, coding=coding)


def _solved(item: Any, seed: Seed, nth: int) -> GeneratedRow:
    label = seed.cell.label
    found = texts_of(item, "problem", "solution", "program")
    answer = item.get("answer") if isinstance(item, Mapping) else None
    if len(found) != 3 or not isinstance(answer, str | int | float) or isinstance(answer, bool):
        return faulty(item, label, "lacks a problem, a solution, a program or an answer")
    problem, solution, program = found
    solution = _ANSWER_LINE.sub("", solution).rstrip()
    completion = f"{solution}\n#### {answer}"
    proof = {"program": loose.code(program), "answer": f"#### {answer}", "reasoning": found[1]}
    return GeneratedRow({"prompt": problem, "completion": completion}, problem, label, proof=proof)


def _coded(item: Any, seed: Seed, nth: int) -> GeneratedRow:
    label = seed.cell.label
    tested = item.get("tests") if isinstance(item, Mapping) else None
    if isinstance(tested, list) and all(isinstance(each, str) for each in tested):
        item = {**item, "tests": "\n".join(tested)}
    found = texts_of(item, "problem", "solution", "tests")
    if len(found) != 3:
        return faulty(item, label, "lacks a problem, a solution or tests")
    problem, solution, tests = found[0], loose.code(found[1]), loose.code(found[2])
    completion = f"```python\n{solution}\n```"
    proof = {"solution": solution, "tests": tests}
    return GeneratedRow({"prompt": problem, "completion": completion}, problem, label, proof=proof)
