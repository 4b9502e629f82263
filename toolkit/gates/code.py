"""The gate of programs: an answer that was computed, a solution that passes its tests."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from toolkit.core.answers import Final, announced, final_answer, numbers
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow
from toolkit.runners.limited import Limits, run_python

DIGITS = 9


@dataclass(frozen=True, slots=True)
class Code:
    """A row's program runs within its limits and its last line prints the row's answer; a solution passes its tests.

    A solution in words must come to that answer too. Tests must also fail for a solution that does nothing,
    or they prove nothing. Programs run in a child process with limits on CPU, time, memory and files, with the
    standard library alone. **This is not a security sandbox**: the child may read files and use the network as
    you may; run models that you do not trust in a container. Missed: tests that share the solution's mistake.

    cpu_s: seconds of CPU for one run. memory_mb: address space.
    """

    id: ClassVar[str] = "code"
    rank: ClassVar[int] = 71
    costly: ClassVar[bool] = True
    blocks: ClassVar[bool] = True

    cpu_s: int = 3
    memory_mb: int = 1024

    def guard(self, context: Context) -> Guard:
        limits = Limits(cpu_s=self.cpu_s, wall_s=3.0 * self.cpu_s, memory_mb=self.memory_mb)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            if "tests" in row.proof:
                return _passes(row.proof, limits)
            return _computes(row.proof, limits) if "program" in row.proof else ""

        return Stateless(self.id, judge)


def _computes(proof: Mapping[str, Any], limits: Limits) -> str:
    wrong = _reasoned(str(proof.get("reasoning", "")), str(proof["answer"]))
    if wrong:
        return wrong
    ran = run_python(str(proof["program"]), limits)
    if ran.fault:
        return f"its program does not end well: {ran.fault}"
    last = ran.out.strip().splitlines()[-1:]
    printed, answer = final_answer("".join(last)), final_answer(str(proof["answer"]))
    if printed is None or answer is None:
        return "its program prints no answer" if printed is None else "its answer cannot be read"
    if not _same(printed, answer):
        return f"its program prints {printed.value[:40]}, its answer is {answer.value[:40]}"
    return ""


def _reasoned(solution: str, answer: str) -> str:
    """Why a solution in words does not come to the answer beside it; one that is no plain number is left alone."""
    said, known = announced(solution), final_answer(answer)
    if not solution or known is None or not known.numeric or "/" in answer:
        return ""
    if said and said[-1].numeric and said[-1].value != known.value:
        return f"its solution comes to {said[-1].value[:40]}, its answer is {known.value[:40]}"
    stands = known.value.lstrip("-") in numbers(solution)
    return "" if stands else f"its answer, {known.value[:40]}, does not stand in its solution"


def _same(printed: Final, answer: Final) -> bool:
    """Equal, but for what a float loses and for digits that the answer does not give."""
    if printed.value == answer.value or not (printed.numeric and answer.numeric):
        return printed.value == answer.value
    one, other = Fraction(printed.value), Fraction(answer.value)
    digits = next((n for n in range(1, DIGITS) if (other * 10**n).denominator == 1), DIGITS)
    return round(one, digits) == other if other.denominator > 1 else abs(one - other) <= abs(other) / 10**12


def _passes(proof: Mapping[str, Any], limits: Limits) -> str:
    solution, tests = str(proof.get("solution", "")), str(proof["tests"])
    names = _functions(solution)
    if not names:
        return "its solution defines no function"
    # Tests in functions, as pytest finds them, are called by name.
    tests += "".join(f"\n{name}()" for name in _functions(tests) if name.startswith("test"))
    ran = run_python(f"{solution}\n\n{tests}\n", limits)
    if ran.fault:
        return f"its solution fails its tests: {ran.fault}"
    idle = "\n".join(f"def {name}(*args, **kwargs): return None" for name in names)
    if not run_python(f"{idle}\n\n{tests}\n", limits).fault:
        return "its tests pass with a solution that does nothing"
    return ""


def _functions(source: str) -> list[str]:
    """The functions and classes that a source defines at its top; none where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
