"""Codex: session files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.wires.openai_responses import OpenAIResponses

SPOKEN = ("message", "function_call", "function_call_output", "reasoning")


@dataclass(frozen=True, slots=True)
class Codex:
    """A session of Codex (`rollout-*.jsonl`), one row. Lossy: the tools are not in the file.

    Its response items are those of OpenAI's API; a custom tool's call is one with the argument `input`.
    A session that was compacted on the way makes no row: what the model saw is not what the file tells.
    """

    id: ClassVar[str] = "codex"

    def claims(self, record: Mapping[str, Any]) -> int:
        kinds = ("session_meta", "response_item", "turn_context", "event_msg", "compacted")
        return 9 if record.get("type") in kinds and isinstance(record.get("payload"), dict) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        about: dict[str, Any] = {}
        spoken: list[Item] = []
        when, compacted = "", False
        for item in items:
            kind, payload = item.value.get("type"), item.value.get("payload")
            if kind in ("session_meta", "turn_context") and isinstance(payload, dict):
                about.update({key: value for key, value in payload.items() if value})
            elif kind == "response_item":
                spoken.append(item)
                when = day(item.value.get("timestamp")) or when
            compacted = compacted or kind == "compacted"
        if not spoken:
            return
        talk, why = talked(_talk, about, [each.value.get("payload") for each in spoken])
        why = "a conversation that was compacted on the way" if compacted else why
        provider, made = str(about.get("model_provider") or ""), str(about.get("id") or "")
        yield Taken([each.position for each in spoken], talk, "lossy", provider, when, made, why)


def _talk(about: Mapping[str, Any], items: list[dict[str, Any]]) -> Talk:
    items = [_plain(each) for each in items]
    while items and (items[-1]["type"] == "function_call_output" or items[-1].get("role", "assistant") != "assistant"):
        items.pop()
    at = len(items)
    while at and items[at - 1]["type"] in SPOKEN and items[at - 1].get("role", "assistant") == "assistant":
        if items[at - 1]["type"] == "function_call_output":
            break
        at -= 1
    if at == len(items):
        raise Odd("nothing that the model said")
    told = about.get("base_instructions") or about.get("instructions")
    system = told.get("text") if isinstance(told, Mapping) else told
    reply = {"output": items[at:], "status": "completed", "model": about.get("model")}
    return OpenAIResponses().talk({"instructions": system, "input": items[:at]}, reply)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as the API has it for functions."""
    import orjson

    if item["type"] == "custom_tool_call":
        arguments = orjson.dumps({"input": item["input"]}).decode()
        return {**item, "type": "function_call", "arguments": arguments}
    if item["type"] not in ("function_call_output", "custom_tool_call_output"):
        return item
    output = item["output"]
    if isinstance(output, dict):
        output = output["content"]
    return {**item, "type": "function_call_output", "output": output}
