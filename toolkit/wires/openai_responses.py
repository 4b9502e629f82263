"""OpenAI's responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core.talk import Answer, Joined, Message, Odd, Talk, call, content, tool


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """`POST .../responses`, streamed or not: text and functions of the caller.

    Of an answer in several messages the last is the answer, and what comes before it leads to it.
    A stream is whole with `response.completed`, which repeats the whole reply. A conversation whose
    beginning the provider keeps (`previous_response_id`) makes no row: what was said is not in the call.
    """

    id: ClassVar[str] = "openai-responses"

    def claims(self, path: str) -> bool:
        return path.endswith("/responses")

    def join(self, events: Sequence[Mapping[str, Any]]) -> Joined:
        reply: dict[str, Any] = {}
        whole, fault = False, ""
        for event in events:
            kind = event.get("type", "")
            if isinstance(event.get("response"), dict):
                reply = event["response"]
            whole = whole or kind in ("response.completed", "response.incomplete")
            if kind in ("error", "response.failed"):
                fault = str(event.get("code") or (reply.get("error") or {}).get("code") or "error")
        return Joined(reply, whole and not fault, fault)

    def talk(self, request: Mapping[str, Any], reply: Mapping[str, Any]) -> Talk:
        if request.get("previous_response_id") or request.get("conversation") or request.get("prompt"):
            raise Odd("a conversation that the provider keeps")
        messages: list[Message] = []
        if request.get("instructions"):
            messages.append({"role": "system", "content": request["instructions"]})
        asked = request.get("input") or []
        messages += _turns([{"role": "user", "content": asked}] if isinstance(asked, str) else asked)
        *before, answer = _turns(reply.get("output") or []) or [{"role": "assistant", "content": ""}]
        messages += before
        stop = _stop(reply)
        usage = reply.get("usage") or {}
        cached = int((usage.get("input_tokens_details") or {}).get("cached_tokens") or 0)
        return Talk(
            messages,
            [Answer(answer, stop, stop == "completed", _refuses(reply))],
            [_tool(each) for each in request.get("tools") or ()],
            str(reply.get("model") or request.get("model") or ""),
            str(reply.get("id") or ""),
            (int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0), cached),
        )


def _stop(reply: Mapping[str, Any]) -> str:
    reason = (reply.get("incomplete_details") or {}).get("reason")
    return str(reason or reply.get("status"))


def _refuses(reply: Mapping[str, Any]) -> bool:
    said = (part for item in reply.get("output") or () for part in item.get("content") or ())
    return any(isinstance(part, dict) and part.get("type") == "refusal" for part in said)


def _turns(items: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Items as messages: text and calls of the assistant that follow each other are one message."""
    messages: list[Message] = []
    thought = ""
    for item in items:
        kind = item.get("type", "message")
        if kind == "reasoning":
            thought = "\n".join(part.get("text", "") for part in item.get("summary") or ())
            continue
        if kind == "function_call_output":
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": _text(item["output"])})
            continue
        if kind not in ("message", "function_call"):
            raise Odd(f"an item of the type {kind}")
        role = "assistant" if kind == "function_call" else item["role"]
        follows = role == "assistant" and messages and messages[-1]["role"] == "assistant"
        if not follows or (kind == "message" and (messages[-1]["content"] or "tool_calls" in messages[-1])):
            messages.append({"role": role, "content": ""})
        if kind == "message":
            messages[-1]["content"] = _text(item["content"])
        else:
            arguments = orjson.loads(item["arguments"] or "{}")
            messages[-1].setdefault("tool_calls", []).append(call(item["name"], arguments, item["call_id"]))
        if thought:
            messages[-1]["reasoning_content"], thought = thought, ""
    return messages


def _text(said: Any) -> Any:
    if isinstance(said, str):
        return said
    texts = []
    for part in said:
        if part["type"] not in ("input_text", "output_text", "text", "refusal"):
            raise Odd("media in the messages")
        texts.append(part.get("text") or part.get("refusal") or "")
    return content(texts)


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    if told.get("type") != "function":
        raise Odd(f"a tool of the provider: {told.get('type', 'unknown')}")
    return tool(told["name"], told.get("description"), told.get("parameters"))
