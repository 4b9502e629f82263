"""Conversations in which an assistant calls tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.jsontext import written
from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.core.tools import calls as known_calls
from toolkit.core.types import JSON
from toolkit.recipes.asking import ABOUT, SYSTEM, ask, faulty, texts_of

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
    no tool helps with. Proof: `arguments` checks every call against its tool's JSON Schema, and with
    `execute: file.py` runs your own functions and compares what they return.
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

    def cook(self, seed: Seed) -> Conversation:
        wants = seed.cell.label not in self.no_call
        return ask(self, seed, self._row, tools=list(self.tools), wants_calls=wants)

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
    read = [known_calls(written(each).decode())[0] for each in told or []]
    return [
        each if call.fault else {"name": call.name, "arguments": dict(call.arguments or {})}
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
