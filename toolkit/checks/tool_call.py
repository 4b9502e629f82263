"""T01: tool calls fit the declared tools, and every call has its result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import json_schema, tools
from toolkit.core.types import Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

RESULTS = ("tool", "function", "observation", "ipython")
LOOKS_LIKE_A_CALL = re.compile(r"<tool_call>|<function|\[TOOL_CALLS\]|<\|python_tag\|>|\bAction\s*:|```")
FAULTS: Mapping[str, str] = {
    "call-not-json": "a tool call is not JSON",
    "call-without-name": "a tool call names no tool",
    "arguments-not-json": "the arguments of a tool call are not JSON",
    "arguments-not-object": "the arguments of a tool call are not a JSON object",
}
MISFITS: Mapping[str, str] = {
    "missing": "missing-argument",
    "type": "wrong-type",
    "enum": "not-in-enum",
    "extra": "extra-argument",
    "other": "misfit",
    "schema": "bad-schema",
}
SCORES: Mapping[str, float] = {
    "unlisted-argument": 0.9,
    "result-without-id": 0.4,
    "reused-id": 0.3,
    "no-declared-tools": 0.3,
}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model learns to call tools from calls that work; each faulty one teaches a call that fails.

    Found, in OpenAI `tool_calls` and `function_call`, ShareGPT `function_call` turns and `<tool_call>`
    text: calls that are not JSON or name no declared tool; arguments that are not a JSON object, lack a
    required one, have the wrong type, are none of an enum, or are forbidden (`additionalProperties:
    false`) or listed nowhere (`unlisted-argument`: JSON Schema allows them, the tool does not know
    them); a call without a result unless it ends the row, a result without its call, a result under
    another id, an id twice in a turn. Calls and results pair by id, and by order where there are no ids.

    Schemas are read as JSON Schema 2020-12, Python's type names translated; nothing is fetched for a
    `$ref`. A schema that cannot be used is told as `bad-schema`. Told with a low score, because traces
    that work have them: calls without declared tools, results without an id, an id used again later.
    Missed: right calls at the wrong time, and calls in formats that are prose.
    Example: `{"name": "search", "arguments": "[1]"}`.
    """

    id: ClassVar[str] = "tool-call"
    code: ClassVar[str] = "T01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns", "tools")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        for row, turns, declared in _rows(batch.filter(pa.array(_uses_tools(batch)))):
            found: dict[str, str] = {}
            for kind, message in _judge(turns, declared):
                found.setdefault(kind, message)
            for kind, message in found.items():
                yield Finding(row, SCORES.get(kind, 1.0), message, kind=kind)


class _Turn(NamedTuple):
    role: str | None
    content: str
    calls: str | None
    reply_to: str | None


def _uses_tools(batch: pa.RecordBatch) -> np.ndarray:
    """Whether a row calls tools or holds results, shape (n_rows,)."""
    roles = cols.turn_field(batch, "role")
    content = cols.turn_field(batch, "content")
    in_text = pc.and_(pc.equal(roles, "assistant"), pc.match_substring(content, "<tool_call>"))
    is_result = pc.is_in(roles, value_set=pa.array(RESULTS))
    called = cols.turn_field(batch, "calls").is_valid()
    hit = pc.or_(pc.or_(called, is_result), pc.fill_null(in_text, False)).to_numpy(zero_copy_only=False)
    rows = np.unique(cols.turn_rows(batch)[hit])
    return np.isin(batch.column("row").to_numpy(), rows)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[int, list[_Turn], str | None]]:
    ordinals, lists = batch.column("row").to_pylist(), batch.column("tools").to_pylist()
    for at, declared in enumerate(lists):
        turns = batch.column("turns")[at].values
        fields = [turns.field(name).to_pylist() for name in ("role", "content", "calls", "reply_to")]
        yield (
            ordinals[at],
            [_Turn(role, content or "", *rest) for role, content, *rest in zip(*fields, strict=True)],
            declared,
        )


def _judge(turns: Sequence[_Turn], declared: str | None) -> Iterator[tuple[str, str]]:
    made = [_calls(turn) for turn in turns]
    yield from _against(made, _declared(turns, declared), declared)
    yield from _Pairing().follow(turns, made)


def _calls(turn: _Turn) -> list[tools.Call]:
    if turn.calls is not None:
        return tools.calls(turn.calls)
    if turn.role != "assistant" or "<tool_call>" not in turn.content:
        return []
    return [call for text in tools.between(turn.content, "tool_call") for call in tools.calls(text)]


def _declared(turns: Sequence[_Turn], declared: str | None) -> Mapping[str, tools.Tool] | None:
    if declared:
        return tools.declared(declared)
    stated = [text for turn in turns if turn.role == "system" for text in tools.between(turn.content, "tools")]
    return tools.declared(stated[0]) if stated else None


def _against(
    made: Sequence[Sequence[tools.Call]], known: Mapping[str, tools.Tool] | None, declared: str | None
) -> Iterator[tuple[str, str]]:
    """What is wrong with each call by itself."""
    if not any(made):
        return
    if known is None and declared and declared.strip() not in ("[]", "{}"):
        yield "tools-not-json", "the list of tools is not JSON, or names no tool"
    elif known is None:
        yield "no-declared-tools", "tools are called and none is declared"
    for call in (call for turn in made for call in turn):
        if call.fault:
            yield call.fault, FAULTS[call.fault]
        if known is None or call.name is None:
            continue
        if call.name not in known:
            yield "unknown-tool", f"'{call.name[:60]}' is called and not declared"
        elif call.arguments is not None:
            yield from _arguments(call.name[:60], call.arguments, known[call.name])


def _arguments(name: str, arguments: Mapping[str, Any], tool: tools.Tool) -> Iterator[tuple[str, str]]:
    for misfit in json_schema.misfits(tool.schema, dict(arguments)):
        yield MISFITS[misfit.kind], f"arguments of '{name}': {misfit.reason}"
    unlisted = sorted(arguments.keys() - tool.listed) if tool.listed is not None else []
    if unlisted:
        yield "unlisted-argument", f"'{name}' does not list the argument {', '.join(unlisted)[:120]}"


@dataclass(slots=True)
class _Pairing:
    """Calls that wait for a result while the turns of a row go by.

    loose: calls that have no id. in_prose: the last turn may call a tool in a form that is not read.
    """

    waiting: dict[str, None] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    loose: int = 0
    results: int = 0
    in_prose: bool = False

    def follow(self, turns: Sequence[_Turn], made: Sequence[Sequence[tools.Call]]) -> Iterator[tuple[str, str]]:
        for turn, calls in zip(turns, made, strict=True):
            if calls:
                yield from self._called(calls)
            elif turn.role in RESULTS:
                yield from self._result(turn.reply_to)
            else:
                yield from self._close()
                self.in_prose = turn.role == "assistant" and bool(LOOKS_LIKE_A_CALL.search(turn.content))
        if not turns or not made[-1]:
            yield from self._close()

    def _called(self, calls: Sequence[tools.Call]) -> Iterator[tuple[str, str]]:
        ids = [call.id for call in calls if call.id is not None]
        in_a_row = self.loose > 0 and not ids and not self.results
        if not in_a_row:
            yield from self._close()
        if len(set(ids)) < len(ids):
            yield "duplicate-id", "two tool calls of one turn have the same id"
        elif self.answered & set(ids):
            yield "reused-id", "a tool call has the id of an earlier one"
        self.waiting = dict.fromkeys(ids)
        self.loose += len(calls) - len(ids)

    def _result(self, reply_to: str | None) -> Iterator[tuple[str, str]]:
        self.results += 1
        if reply_to in self.waiting and reply_to is not None:
            del self.waiting[reply_to]
            self.answered.add(reply_to)
        elif self.waiting:
            first = next(iter(self.waiting))
            del self.waiting[first]
            self.answered.add(first)
            if reply_to is not None:
                yield "result-id-mismatch", "a tool result has another id than the call before it"
            else:
                yield "result-without-id", "a tool result has no id, its call has one"
        elif self.results > self.loose and not self.in_prose:
            yield "orphan-result", "a tool result has no call before it"

    def _close(self) -> Iterator[tuple[str, str]]:
        """The results of a turn are over: what still waits has none. One result may answer several loose calls."""
        if self.waiting or (self.loose > 0 and not self.results):
            yield "missing-result", "a tool call has no result"
        self.waiting, self.loose, self.results, self.in_prose = {}, 0, 0, False
