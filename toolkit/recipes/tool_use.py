"""Conversations in which an assistant calls tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import orjson

from toolkit.core.jsontext import written
from toolkit.core.request import Conversation, GeneratedRow, Message, Request, Seed, Work
from toolkit.core.tools import calls as known_calls
from toolkit.core.tools import declared
from toolkit.core.types import JSON
from toolkit.recipes.asking import ABOUT, SYSTEM, ask, ask_further, faulty, texts_of
from toolkit.runners.calls import run_calls

PROMPT = f"""\
An assistant has these tools:
{{{{ tools | tojson }}}}
Write {{{{ rows }}}} different requests of the kind "{{{{ label }}}}"\
{{% if description %}}: {{{{ description }}}}{{% endif %}}. "calls" is the list of calls that the assistant makes, \
each with "name" and "arguments" that fit the tool's parameters\
{{% if not wants_calls %}}; here it is empty, because no tool helps{{% endif %}}. "results" is what each call \
returns, in the same order. "answer" is what the assistant then says, from the results alone.
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} objects with "user", "calls", "results" and "answer", and nothing else."""


ANSWERS = """\
Here are {count} requests to an assistant, the tools that it called, and what they returned. Write for each what the \
assistant then says to the user, from the results alone. Answer with a JSON list of {count} strings, in this order, \
and nothing else.
{listed}"""


def _results_of(path: str, calls: Sequence[Mapping[str, Any]]) -> str:
    """The results of calls as JSON text, or why one failed as a JSON string."""
    fit = all(isinstance(call.get("arguments"), Mapping) for call in calls)
    return written(run_calls(Path(path), calls) if fit else "its arguments are not an object").decode()


def _tool(name: str, about: str, **properties: Mapping[str, JSON]) -> dict[str, JSON]:
    schema: dict[str, JSON] = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": about, "parameters": schema}}


SAMPLES: tuple[Mapping[str, JSON], ...] = (
    _tool(
        "convert_length",
        "Convert a length between metres, kilometres and centimetres.",
        value={"type": "number"},
        unit={"type": "string", "enum": ["m", "km", "cm"]},
        to={"type": "string", "enum": ["m", "km", "cm"]},
    ),
    _tool(
        "days_between",
        "Count the days from one date to another.",
        start={"type": "string", "description": "YYYY-MM-DD"},
        end={"type": "string", "description": "YYYY-MM-DD"},
    ),
    _tool(
        "split_bill",
        "Split an amount in cents equally; the rest goes to the first.",
        cents={"type": "integer", "minimum": 1},
        people={"type": "integer", "minimum": 1},
    ),
)
"""Three tools whose results can be computed, for a start without tools of one's own."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """`{"messages": [...], "tools": "[...]"}` rows in OpenAI's form: a request, calls, results, an answer. The tool
    list is JSON text, because tables put the keys of all tools into each.

    tools: your tool list in that form; three sample tools without it. no_call: labels of requests that
    no tool helps with. execute: a Python file with a function for each tool; the calls are run, in a child
    process with limits, and the model writes its answers from what came back. Proof: `arguments` checks every
    call against its tool's JSON Schema; with `execute: file.py` of its own it compares results that were made up.
    """

    id: ClassVar[str] = "tool-use"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "`arguments`: calls fit their schemas; with `execute`, results are your functions' own"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"dedupe": {"mask_numbers": False}, "arguments": {}}
    kinds: ClassVar[Mapping[str, str]] = {
        "tool-one": "one call is needed",
        "tool-two": "two calls are needed, independent of each other",
        "tool-none": "it can be answered without any of the tools",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    tools: Sequence[Mapping[str, Any]] = SAMPLES
    no_call: Sequence[str] = ("tool-none",)
    execute: str = ""

    def cook(self, seed: Seed) -> Conversation:
        wants = seed.cell.label not in self.no_call
        rows = yield from ask(self, seed, self._row, tools=list(self.tools), wants_calls=wants)
        return (yield from self._executed(list(rows), seed)) if self.execute and wants else rows

    def _executed(self, rows: list[GeneratedRow], seed: Seed) -> Any:
        """The rows with what the user's functions return, and answers that were written from that."""
        known = declared(written(list(self.tools)).decode()) or {}
        for nth, row in enumerate(rows):
            calls: Any = row.proof.get("calls", ())
            # A call of no tool, or of none that is known, is for the gate to refuse.
            if calls and all(isinstance(each, Mapping) and each.get("name") in known for each in calls):
                said = yield Work(partial(_results_of, self.execute, calls))
                rows[nth] = self._resulted(row, orjson.loads(said))
        whole = [row for row in rows if not row.fault]
        asked = [
            f"{nth}. {written({key: row.proof[key] for key in ('user', 'calls', 'results')}).decode()}"
            for nth, row in enumerate(whole, 1)
        ]
        if not whole:
            return rows
        listed = ANSWERS.format(count=len(whole), listed="\n".join(asked))
        messages = (Message("system", SYSTEM), Message("user", listed))
        answers = yield from ask_further(Request(seed, messages))
        told = {id(row): answer for row, answer in zip(whole, answers, strict=False)}
        return [row if row.fault else self._answered(row, told.get(id(row))) for row in rows]

    def _resulted(self, row: GeneratedRow, found: Any) -> GeneratedRow:
        if isinstance(found, str):
            return replace(row, fault=f"a call fails when it is run: {found}")
        return replace(row, proof={**row.proof, "results": found})

    def _answered(self, row: GeneratedRow, answer: Any) -> GeneratedRow:
        if not isinstance(answer, str) or not answer.strip():
            return replace(row, fault="no answer was written from the results of its calls")
        proof: Any = {**row.proof, "said": answer}
        messages = _messages(proof["user"], proof["calls"], proof["results"], answer)
        return replace(row, fields={**row.fields, "messages": messages}, proof=proof)

    def _row(self, item: Any, seed: Seed, nth: int) -> GeneratedRow:
        label = seed.cell.label
        found = texts_of(item, "user", "answer")
        calls, results = _calls(item), _results(item)
        if len(found) != 2 or calls is None or results is None:
            return faulty(item, label, "lacks a request, calls, results or an answer")
        proof: dict[str, JSON] = {
            "tools": list(self.tools),
            "calls": calls,
            "results": results,
            "user": found[0],
            "said": found[1],
            "wants_calls": label not in self.no_call,
        }
        fields: dict[str, JSON] = {
            "messages": _messages(found[0], calls, results, found[1]),
            "tools": written(list(self.tools)).decode(),
        }
        return GeneratedRow(fields, found[0], label, proof=proof)


def _calls(item: Any) -> list[Any] | None:
    """The calls of an item as name and arguments, in whichever form they are written; None where there is no list."""
    told = item.get("calls") if isinstance(item, Mapping) else "none"
    if isinstance(told, Mapping) and told:
        told = [told]
    if not isinstance(told or [], list):
        return None
    read = [next(iter(known_calls(written(each).decode())), None) for each in told or []]
    return [
        each if call is None or call.fault else {"name": call.name, "arguments": dict(call.arguments or {})}
        for each, call in zip(told or [], read, strict=True)
    ]


def _results(item: Any) -> list[Any] | None:
    """The results of an item, one for each call; beside a single call that is no list, its result itself."""
    told = item.get("results") if isinstance(item, Mapping) else "none"
    if isinstance(told, list):
        return told
    return [] if told is None else [told] if isinstance(item.get("calls"), Mapping) else None


def _messages(user: str, calls: list[Any], results: list[Any], answer: str) -> list[JSON]:
    made: list[JSON] = [{"role": "user", "content": user}]
    if calls:
        made.append({"role": "assistant", "content": "", "tool_calls": [_call(c, n) for n, c in enumerate(calls, 1)]})
    for nth, result in enumerate(results, 1):
        content = result if isinstance(result, str) else written(result).decode()
        made.append({"role": "tool", "tool_call_id": f"call_{nth}", "content": content})
    return [*made, {"role": "assistant", "content": answer}]


def _call(call: Any, nth: int) -> dict[str, JSON]:
    told = call if isinstance(call, Mapping) else {}
    arguments = written(told.get("arguments") or {}).decode()
    function: dict[str, JSON] = {"name": str(told.get("name", "")), "arguments": arguments}
    return {"id": f"call_{nth}", "type": "function", "function": function}
