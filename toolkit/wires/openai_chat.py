"""OpenAI's chat completions, and the many servers that speak like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core.talk import Answer, Joined, Message, Odd, Talk, content, tool

GOOD = ("stop", "tool_calls", "function_call")
TOLD = ("id", "model", "created", "usage", "system_fingerprint", "service_tier")
JOINED = ("content", "refusal", "reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """`POST .../chat/completions`, streamed or not; each choice is an answer. A stream is whole with `[DONE]`.

    Images, audio and files make no row. Content-filter stops and refusals are told apart from ends.
    """

    id: ClassVar[str] = "openai-chat"

    def claims(self, path: str) -> bool:
        return path.endswith("/chat/completions")

    def join(self, events: Sequence[Mapping[str, Any]]) -> Joined:
        reply: dict[str, Any] = {}
        choices: dict[int, dict[str, Any]] = {}
        whole, fault, seen = False, "", (None, 0)
        for event in events:
            if event.get("[DONE]"):
                whole = True
                continue
            if event.get("error"):
                fault = str(event["error"].get("type") if isinstance(event["error"], dict) else event["error"])
            if event.get("usage") is not None or seen != (event.get("id"), len(event)):
                seen = event.get("id"), len(event)  # what chunks say of the whole is the same in most of them
                reply |= {name: event[name] for name in TOLD if event.get(name) is not None}
            for choice in event.get("choices") or ():
                index = choice["index"]
                known = choices.get(index)
                if known is None:
                    known = choices[index] = {"index": index, "message": {"role": "assistant"}, "finish_reason": None}
                _grow(known, choice)
        for each in choices.values():
            _close(each["message"])
        return Joined({**reply, "choices": [choices[at] for at in sorted(choices)]}, whole and not fault, fault)

    def talk(self, request: Mapping[str, Any], reply: Mapping[str, Any]) -> Talk:
        usage = reply.get("usage") or {}
        cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
        return Talk(
            [_message(each) for each in request.get("messages") or ()],
            [_answer(each) for each in reply.get("choices") or ()],
            [_tool(each) for each in request.get("tools") or ()],
            str(reply.get("model") or request.get("model") or ""),
            str(reply.get("id") or ""),
            (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0), cached),
        )


def _grow(choice: dict[str, Any], event: Mapping[str, Any]) -> None:
    message, delta = choice["message"], event.get("delta") or {}
    if event.get("finish_reason"):
        choice["finish_reason"] = event["finish_reason"]
    if len(delta) == 1 and (text := delta.get("content")) is not None:
        if "content" in message:
            message["content"].append(text)
        else:
            message["content"] = [text]
        return
    for name in JOINED:
        if delta.get(name) is not None:
            message.setdefault(name, []).append(delta[name])
    for piece in delta.get("tool_calls") or ():
        calls = message.setdefault("tool_calls", {})
        known = calls.setdefault(piece["index"], {"type": "function", "function": {"name": "", "arguments": []}})
        known.update({key: piece[key] for key in ("id", "type") if piece.get(key)})
        function = piece.get("function") or {}
        known["function"]["name"] += function.get("name") or ""
        known["function"]["arguments"].append(function.get("arguments") or "")


def _close(message: dict[str, Any]) -> None:
    for name in JOINED:
        if name in message:
            message[name] = "".join(message[name])
    if "tool_calls" in message:
        message["tool_calls"] = [call for _, call in sorted(message["tool_calls"].items())]
        for call in message["tool_calls"]:
            call["function"]["arguments"] = "".join(call["function"]["arguments"])


def _answer(choice: Mapping[str, Any]) -> Answer:
    told, stop = choice.get("message") or {}, str(choice.get("finish_reason"))
    refused = bool(told.get("refusal")) or stop == "content_filter"
    return Answer(_message({"role": "assistant", **told}), stop, stop in GOOD, refused)


def _message(told: Mapping[str, Any]) -> Message:
    message: Message = {"role": told["role"], "content": _content(told.get("content"))}
    if calls := told.get("tool_calls"):
        message["tool_calls"] = [_call(each) for each in calls]
    if told.get("tool_call_id"):
        message["tool_call_id"] = told["tool_call_id"]
    if thought := told.get("reasoning_content") or told.get("reasoning"):
        message["reasoning_content"] = thought
    if told.get("function_call") or told.get("audio"):
        raise Odd("an answer in sound" if told.get("audio") else "a function call of the older form")
    return message


def _content(said: Any) -> Any:
    if said is None or isinstance(said, str):
        return said or ""
    texts = []
    for part in said:
        if part["type"] not in ("text", "refusal"):
            raise Odd("media in the messages")
        texts.append(part.get("text") or part.get("refusal") or "")
    return content(texts)


def _call(told: Mapping[str, Any]) -> dict[str, Any]:
    """A call with its arguments parsed; a text that is no JSON stays, and verify says so."""
    if told.get("type", "function") != "function":
        raise Odd(f"a call of the type {told['type']}")
    function = told["function"]
    try:
        arguments = orjson.loads(function["arguments"] or "{}")
    except (orjson.JSONDecodeError, TypeError):
        arguments = function["arguments"]
    return {"id": told.get("id"), "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    if told.get("type") != "function":
        raise Odd(f"a tool of the provider: {told.get('type', 'unknown')}")
    function = told["function"]
    return tool(function["name"], function.get("description"), function.get("parameters"))
