"""Spans that spell a conversation over many attributes: OpenInference, and OpenLLMetry before it had messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.core.imported import opened
from toolkit.core.talk import Odd, Talk, tool
from toolkit.importers._pairs import chat, declared

INFERENCE, OLDER = "llm.input_messages.", "gen_ai.prompt."
_ENDS = {"tool_call": "tool_calls", "tool_use": "tool_calls", "end_turn": "stop", "stop_sequence": "stop"}


def is_flat(told: Mapping[str, Any]) -> bool:
    """Whether these attributes are of such a span."""
    return any(name.startswith((INFERENCE, OLDER)) for name in told) or told.get("openinference.span.kind") == "LLM"


def talk(told: Mapping[str, Any]) -> Talk:
    """The conversation of a span. Raises Odd where it has none."""
    if told.get("openinference.span.kind"):
        asked = [_inference(each["message"]) for each in _listed(told, "llm.input_messages")]
        said = [_inference(each["message"]) for each in _listed(told, "llm.output_messages")]
        tools = declared(opened(each["tool"]["json_schema"]) for each in _listed(told, "llm.tools"))
        stop, model = told.get("llm.finish_reason"), told.get("llm.model_name")
    else:
        asked = [_older(each) for each in _listed(told, "gen_ai.prompt")]
        said = [_older(each) for each in _listed(told, "gen_ai.completion")]
        tools = [
            tool(each["name"], each.get("description"), opened(each.get("parameters")))
            for each in _listed(told, "llm.request.functions")
        ]
        stop = next((each.get("finish_reason") for each in _listed(told, "gen_ai.completion")), None)
        model = told.get("gen_ai.response.model") or told.get("gen_ai.request.model")
    if not asked or not said:
        raise Odd("its messages were not logged")
    if len(said) > 1:
        raise Odd("an answer in several messages")
    reply = opened(told.get("output.value"))
    made = reply.get("id") if isinstance(reply, Mapping) else told.get("gen_ai.response.id")
    end = _ENDS.get(str(stop), str(stop or "stop"))
    return chat(asked, said[0], stop=end, tools=tools, model=model, id=made)


def _listed(told: Mapping[str, Any], prefix: str) -> list[Any]:
    """What stands under `prefix.0.`, `prefix.1.` and so on, as objects and lists."""
    found: dict[Any, Any] = {}
    for name, value in told.items():
        if name.startswith(f"{prefix}."):
            steps = name[len(prefix) + 1 :].split(".")
            place = found
            for step in steps[:-1]:
                place = place.setdefault(step, {})
            place[steps[-1]] = value
    return list(_ordered(found))


def _ordered(found: Mapping[Any, Any]) -> Iterator[Any]:
    for name in sorted(found, key=int):
        yield _plain(found[name])


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(str(name).isdigit() for name in value):
        return list(_ordered(value))
    return {name: _plain(each) for name, each in value.items()}


def _inference(told: Mapping[str, Any]) -> dict[str, Any]:
    """A message of OpenInference in OpenAI's form."""
    content = told.get("content")
    if parts := [each["message_content"] for each in told.get("contents") or ()]:
        content = [{"type": each["type"], "text": each.get("text")} for each in parts]
    message: dict[str, Any] = {"role": told.get("role") or "assistant", "content": content}
    if calls := [each["tool_call"] for each in told.get("tool_calls") or ()]:
        message["tool_calls"] = [_call(each.get("id"), each["function"]) for each in calls]
    return {**message, "tool_call_id": told["tool_call_id"]} if told.get("tool_call_id") else message


def _older(told: Mapping[str, Any]) -> dict[str, Any]:
    """A message of OpenLLMetry as it was, in OpenAI's form."""
    message: dict[str, Any] = {"role": told.get("role") or "assistant", "content": told.get("content") or ""}
    if isinstance(opened(message["content"]), list):
        message["content"] = opened(message["content"])
    if calls := told.get("tool_calls"):
        message["tool_calls"] = [_call(each.get("id"), each) for each in calls]
    return {**message, "tool_call_id": told["tool_call_id"]} if told.get("tool_call_id") else message


def _call(name: Any, function: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": name, "function": {"name": function["name"], "arguments": function.get("arguments") or "{}"}}
