"""The gate of tool calls: calls of declared tools, with arguments that fit, and with results that came from them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import orjson

from toolkit.core import tools
from toolkit.core.answers import numbers
from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.json_schema import misfits
from toolkit.core.request import Cell, GeneratedRow
from toolkit.runners.calls import importable, run_calls

ROUGHLY = Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Every call names a tool of the row, its arguments fit that tool's JSON Schema, and all calls have results.

    execute: a Python file of yours with a function for each tool. Only where a recipe names one are the
    calls run, in a child process with limits on time and memory; the results in the row must then be
    what the functions returned. The file is your code and runs with your rights. Rows without tools
    pass. An answer that speaks in numbers must have one of the results, to a twentieth. Missed: right calls at the
    wrong time, and wrong words around a right number.
    """

    id: ClassVar[str] = "arguments"
    rank: ClassVar[int] = 72
    costly: ClassVar[bool] = True
    blocks: ClassVar[bool] = True

    execute: str = ""

    def guard(self, context: Context) -> Guard:
        path = context.folder / self.execute
        if self.execute and not path.is_file():
            raise UsageError(f"'{path}' does not exist", "name a Python file with a function for each tool")
        if self.execute:
            importable(path)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            if "tools" not in row.proof:
                return ""
            wrong = _fits(row.proof)
            return wrong or (_executed(row.proof, path) if self.execute else "")

        return Stateless(self.id, judge)


def _fits(proof: Mapping[str, Any]) -> str:
    known = tools.declared(orjson.dumps(proof["tools"]).decode()) or {}
    calls, results = proof.get("calls") or [], proof.get("results") or []
    if proof.get("wants_calls", bool(calls)) != bool(calls):
        return "it calls no tool where one was asked for" if not calls else "it calls a tool where none was asked for"
    if len(calls) != len(results):
        return f"it has {len(calls)} calls and {len(results)} results"
    for call in calls:
        wrong = _call(call, known)
        if wrong:
            return wrong
    return _foreign(proof)


def _foreign(proof: Mapping[str, Any]) -> str:
    """Whether an answer speaks in numbers of which none comes from the results, the calls or the request."""
    said = numbers(str(proof.get("said", "")))
    # Blanks behind commas, for `150,220` is one number.
    results = numbers(json.dumps(proof.get("results") or [], ensure_ascii=False))
    if not said or not results:
        return ""
    told = json.dumps(proof.get("calls") or [], ensure_ascii=False)
    known = results | numbers(told) | numbers(str(proof.get("user", "")))
    if any(_rounds(number, each) for number in said for each in known):
        return ""
    return f"no number of its answer, such as {min(said)}, comes from the results"


def _rounds(said: str, known: str) -> bool:
    """Whether a number is another one, or that one cut to fewer digits."""
    one, other = abs(Fraction(said)), abs(Fraction(known))
    return one == other or (other != 0 and abs(one - other) / other < ROUGHLY)


def _call(call: Any, known: Mapping[str, tools.Tool]) -> str:
    name, arguments = (call.get("name"), call.get("arguments")) if isinstance(call, Mapping) else (None, None)
    if not isinstance(name, str) or name not in known:
        return f"it calls '{name}', which is not declared"
    if not isinstance(arguments, Mapping):
        return f"the arguments of '{name}' are not an object"
    tool = known[name]
    wrong = misfits(tool.schema, arguments)
    if wrong:
        return f"the arguments of '{name}': {wrong[0].reason}"
    unlisted = sorted(set(arguments) - tool.listed) if tool.listed is not None else []
    return f"the tool '{name}' lists no argument '{unlisted[0]}'" if unlisted else ""


def _executed(proof: Mapping[str, Any], path: Path) -> str:
    calls: Sequence[Any] = proof.get("calls") or []
    found = run_calls(path, calls)
    if isinstance(found, str):
        return f"a call fails when it is run: {found}"
    for call, told, result in zip(calls, proof["results"], found, strict=True):
        if not _alike(_value(told), _value(result)):
            return f"'{call['name']}' returned something else than the row says"
    return ""


def _alike(told: Any, found: Any) -> bool:
    """Equal, but for the last digits of floats."""
    if isinstance(told, dict) and isinstance(found, dict):
        return told.keys() == found.keys() and all(_alike(told[name], found[name]) for name in told)
    if isinstance(told, list) and isinstance(found, list):
        return len(told) == len(found) and all(map(_alike, told, found))
    numeric = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (told, found))
    return math.isclose(told, found, rel_tol=1e-6) if numeric else bool(told == found)


def _value(result: Any) -> Any:
    """A result as a value: JSON text is read, so that `"3"` and `3` are one."""
    try:
        return orjson.loads(result) if isinstance(result, str) else orjson.loads(orjson.dumps(result))
    except orjson.JSONDecodeError:
        return result
