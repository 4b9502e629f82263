"""OpenTelemetry: spans by the conventions for generative AI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.jsontext import written
from toolkit.core.talk import Answer, Message, Odd, Talk, call, content, tool
from toolkit.importers import _flat
from toolkit.importers._pairs import ENDS, REFUSALS

CHATS = ("chat", "text_completion", "generate_content", "")
PROVIDERS = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
MEDIA = ("blob", "file", "uri")


@dataclass(frozen=True, slots=True)
class OpenTelemetry:
    """Spans and events of model calls, as exports in OTLP's JSON or one span a record.

    Read are `gen_ai.input.messages` and `gen_ai.output.messages`, OpenInference's `llm.input_messages` and the
    older `gen_ai.prompt`. The conventions are still in development. Reconstructed; lossy where the span tells no
    tools though the answer calls one.
    """

    id: ClassVar[str] = "otel"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if _is_told(_attributes(record)) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, span in items:
            told = _attributes(span)
            if not _is_told(told) or str(told.get("gen_ai.operation.name", "")) not in CHATS:
                continue
            talk, why = talked(_talk, told)
            calls = any("tool_calls" in each for each in [*talk.messages, *(a.message for a in talk.answers)])
            times = ("startTimeUnixNano", "timeUnixNano", "observedTimeUnixNano", "start_time")
            when = day(next((span[name] for name in times if span.get(name)), ""))
            provider = next((str(told[name]) for name in PROVIDERS if told.get(name)), "")
            made = talk.id or str(span.get("spanId") or "")
            lossy = calls and not talk.tools
            yield Taken([position], talk, "lossy" if lossy else "reconstructed", provider, when, made, why)


def _is_told(told: Mapping[str, Any]) -> bool:
    return any(name.startswith("gen_ai.") for name in told) or _flat.is_flat(told)


def _attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    told = span.get("attributes")
    if isinstance(told, Mapping):
        return {name: opened(value) for name, value in told.items()}
    if not isinstance(told, list):
        return {}
    listed = [each for each in told if isinstance(each, dict) and isinstance(each.get("key"), str)]
    return {each["key"]: opened(_value(each.get("value"))) for each in listed}


def _value(told: Any) -> Any:
    """A value as OTLP wraps it."""
    if not isinstance(told, Mapping) or len(told) > 1:
        return told
    if not told:
        return None
    kind, value = next(iter(told.items()))
    if kind == "arrayValue":
        return [_value(each) for each in value.get("values") or ()]
    if kind == "kvlistValue":
        return {each["key"]: _value(each.get("value")) for each in value.get("values") or ()}
    return int(value) if kind == "intValue" else value


def _talk(told: Mapping[str, Any]) -> Talk:
    if told.get("error.type"):
        raise Odd("an error instead of a reply")
    if _flat.is_flat(told):
        return _flat.talk(told)
    if "gen_ai.input.messages" not in told or "gen_ai.output.messages" not in told:
        raise Odd("its messages were not logged")
    messages: list[Message] = []
    if system := told.get("gen_ai.system_instructions"):
        messages += _turns([{"role": "system", "parts": system}])
    messages += _turns(told["gen_ai.input.messages"])
    answers = []
    ends = list(told.get("gen_ai.response.finish_reasons") or ())
    for at, each in enumerate(told["gen_ai.output.messages"]):
        message = next(iter(_turns([each])), {"role": "assistant", "content": ""})
        stop = str(each.get("finish_reason") or (ends[at] if at < len(ends) else None))
        answers.append(Answer(message, stop, stop in ENDS, stop in REFUSALS))
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
                said_back = answer if isinstance(answer, str) else written(answer).decode()
                messages.append({"role": "tool", "tool_call_id": part.get("id"), "content": said_back})
            elif kind == "reasoning":
                thoughts.append(part["content"])
            else:
                raise Odd("media in the messages" if kind in MEDIA else f"a part of the type {kind}")
        if texts or calls:
            message: Message = {"role": each["role"], "content": content(texts)}
            message.update({"tool_calls": calls} if calls else {})
            messages.append({**message, "reasoning_content": "\n".join(thoughts)} if thoughts else message)
    return messages


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    if told.get("type", "function") != "function":
        raise Odd(f"a tool of the provider: {told['type']}")
    return tool(told["name"], told.get("description"), told.get("parameters") or told.get("input_schema"))
