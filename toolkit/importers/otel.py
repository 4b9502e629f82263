"""OpenTelemetry: spans by the conventions for generative AI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Answer, Message, Odd, Talk, call, content, tool

GOOD = ("stop", "tool_call", "tool_calls", "end_turn", "tool_use", "stop_sequence")
CHATS = ("chat", "text_completion", "generate_content", "")


@dataclass(frozen=True, slots=True)
class OpenTelemetry:
    """Spans with `gen_ai.input.messages` and `gen_ai.output.messages`, as OTLP's JSON or one span a record.

    The conventions are still in development. Reconstructed; lossy where the span tells no tools though
    the answer calls one. A record of several spans gives a row for each of its chats.
    """

    id: ClassVar[str] = "otel"

    def claims(self, record: Mapping[str, Any]) -> int:
        if "resourceSpans" in record:
            return 9
        return 9 if any(name.startswith("gen_ai.") for name in _attributes(record)) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            for span in _spans(value):
                told = _attributes(span)
                if not any(name.startswith("gen_ai.") for name in told):
                    continue
                if str(told.get("gen_ai.operation.name", "")) not in CHATS:
                    continue
                talk, why = talked(_talk, told)
                calls = any("tool_calls" in each for each in [*talk.messages, *(a.message for a in talk.answers)])
                when = day(span.get("startTimeUnixNano") or span.get("start_time"))
                provider = str(told.get("gen_ai.provider.name") or told.get("gen_ai.system") or "")
                made = talk.id or str(span.get("spanId") or "")
                lossy = calls and not talk.tools
                yield Taken([position], talk, "lossy" if lossy else "reconstructed", provider, when, made, why)


def _spans(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "resourceSpans" not in record:
        yield record
        return
    for resource in _objects(record["resourceSpans"]):
        for scope in _objects(resource.get("scopeSpans")):
            yield from _objects(scope.get("spans"))


def _objects(told: Any) -> list[Mapping[str, Any]]:
    return [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []


def _attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    told = span.get("attributes")
    if isinstance(told, Mapping):
        return {name: opened(value) for name, value in told.items()}
    if not isinstance(told, list):
        return {}
    return {each["key"]: opened(_value(each.get("value"))) for each in told if isinstance(each, dict) and "key" in each}


def _value(told: Any) -> Any:
    """A value as OTLP wraps it."""
    if not isinstance(told, Mapping) or len(told) != 1:
        return told
    kind, value = next(iter(told.items()))
    if kind == "arrayValue":
        return [_value(each) for each in value.get("values") or ()]
    if kind == "kvlistValue":
        return {each["key"]: _value(each.get("value")) for each in value.get("values") or ()}
    return value


def _talk(told: Mapping[str, Any]) -> Talk:
    if "gen_ai.input.messages" not in told or "gen_ai.output.messages" not in told:
        raise Odd("its messages were not logged")
    messages: list[Message] = []
    if system := told.get("gen_ai.system_instructions"):
        messages += _turns([{"role": "system", "parts": system}])
    messages += _turns(told["gen_ai.input.messages"])
    answers = []
    for each in told["gen_ai.output.messages"]:
        message = next(iter(_turns([each])), {"role": "assistant", "content": ""})
        stop = str(each.get("finish_reason"))
        answers.append(Answer(message, stop, stop in GOOD, stop in ("content_filter", "refusal")))
    model = told.get("gen_ai.response.model") or told.get("gen_ai.request.model") or ""
    tools = [_tool(each) for each in told.get("gen_ai.tool.definitions") or ()]
    return Talk(messages, answers, tools, str(model), str(told.get("gen_ai.response.id") or ""))


def _turns(said: Sequence[Mapping[str, Any]]) -> list[Message]:
    messages: list[Message] = []
    for each in said:
        texts, thoughts, calls = [], [], []
        for part in each["parts"]:
            kind = part["type"]
            if kind == "text":
                texts.append(part["content"])
            elif kind == "tool_call":
                calls.append(call(part["name"], opened(part.get("arguments") or {}), part.get("id")))
            elif kind == "tool_call_response":
                answer = part.get("response", part.get("result"))
                messages.append({"role": "tool", "tool_call_id": part.get("id"), "content": _plain(answer)})
            elif kind == "reasoning":
                thoughts.append(part["content"])
            else:
                raise Odd(f"a part of the type {kind}")
        if texts or calls:
            message: Message = {"role": each["role"], "content": content(texts)}
            message.update({"tool_calls": calls} if calls else {})
            messages.append({**message, "reasoning_content": "\n".join(thoughts)} if thoughts else message)
    return messages


def _plain(told: Any) -> str:
    if isinstance(told, str):
        return told
    import orjson

    return orjson.dumps(told).decode()


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    if told.get("type", "function") != "function":
        raise Odd(f"a tool of the provider: {told['type']}")
    return tool(told["name"], told.get("description"), told.get("parameters"))
