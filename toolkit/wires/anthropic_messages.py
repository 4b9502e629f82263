"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core.talk import Answer, Joined, Message, Odd, Talk, call, content, tool

GOOD = ("end_turn", "stop_sequence", "tool_use")
THOUGHTS = ("thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True)
class AnthropicMessages:
    """`POST /v1/messages`, streamed or not: text, thinking and tools of the caller; other blocks make no row.

    A stream is whole with `message_stop` alone; the counts of `message_delta` are totals and replace
    those of the start; the JSON of a tool's input is parsed once all its pieces are there.
    """

    id: ClassVar[str] = "anthropic-messages"

    def claims(self, path: str) -> bool:
        return path.endswith("/messages")

    def join(self, events: Sequence[Mapping[str, Any]]) -> Joined:
        message: dict[str, Any] = {}
        blocks: dict[int, dict[str, Any]] = {}
        texts: dict[int, list[str]] = {}
        whole, fault = False, ""
        for event in events:
            kind = event.get("type")
            if kind == "content_block_delta":
                index, delta = event["index"], event["delta"]
                if delta.get("type") == "text_delta" and index in texts:
                    texts[index].append(delta["text"])
                else:
                    _grow(blocks[index], texts.setdefault(index, []), delta)
            elif kind == "message_start":
                message = dict(event["message"])
            elif kind == "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            elif kind == "message_delta":
                message.update(event["delta"])
                told = {key: value for key, value in (event.get("usage") or {}).items() if value is not None}
                message["usage"] = {**(message.get("usage") or {}), **told}
            elif kind == "message_stop":
                whole = True
            elif kind == "error":
                fault = str((event.get("error") or {}).get("type", "error"))
        for index, pieces in texts.items():
            _close(blocks[index], "".join(pieces))
        return Joined({**message, "content": [blocks[index] for index in sorted(blocks)]}, whole and not fault, fault)

    def talk(self, request: Mapping[str, Any], reply: Mapping[str, Any]) -> Talk:
        messages: list[Message] = []
        if system := request.get("system"):
            messages.append({"role": "system", "content": _text(system)})
        for each in request.get("messages") or ():
            messages += _turn(each["role"], each["content"])
        answer = next(iter(_turn("assistant", reply.get("content") or [])), {"role": "assistant", "content": ""})
        stop = str(reply.get("stop_reason"))
        category = str((reply.get("stop_details") or {}).get("category") or "")
        usage = reply.get("usage") or {}
        cached = int(usage.get("cache_read_input_tokens") or 0)
        asked = int(usage.get("input_tokens") or 0) + int(usage.get("cache_creation_input_tokens") or 0) + cached
        return Talk(
            messages,
            [Answer(answer, stop, stop in GOOD, stop == "refusal", category)],
            [_tool(each) for each in request.get("tools") or ()],
            str(reply.get("model") or request.get("model") or ""),
            str(reply.get("id") or ""),
            (asked, int(usage.get("output_tokens") or 0), cached),
        )


def _grow(block: dict[str, Any], pieces: list[str], delta: Mapping[str, Any]) -> None:
    kind = delta.get("type")
    if kind == "text_delta":
        pieces.append(delta["text"])
    elif kind == "input_json_delta":
        pieces.append(delta["partial_json"])
    elif kind == "thinking_delta":
        pieces.append(delta["thinking"])
    elif kind == "signature_delta":
        block["signature"] = delta["signature"]
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
    else:
        raise Odd(f"a delta of the type {kind}")


def _close(block: dict[str, Any], text: str) -> None:
    if block["type"] in ("text", "thinking"):
        block[block["type"]] = block.get(block["type"], "") + text
    elif text:
        block["input"] = orjson.loads(text)


def _turn(role: str, said: Any) -> list[Message]:
    """A message of the API as messages of a row: results of tools first, as turns of their own."""
    if isinstance(said, str):
        return [{"role": role, "content": said}]
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[Message] = []
    for block in said:
        kind = block["type"]
        if kind == "text":
            texts.append(block["text"])
        elif kind == "tool_use":
            calls.append(call(block["name"], block["input"], block["id"]))
        elif kind == "tool_result":
            told = _text(block.get("content") or "")
            results.append({"role": "tool", "tool_call_id": block["tool_use_id"], "content": told})
        elif kind in THOUGHTS:
            thoughts.append(block.get("thinking") or "")
        else:
            raise Odd(_block(kind))
    message: Message = {"role": role, "content": content(texts)}
    if calls:
        message["tool_calls"] = calls
    if any(thoughts):
        message["reasoning_content"] = "\n".join(thoughts)
    return [*results, message] if texts or calls or not results else results


def _text(said: Any) -> Any:
    """The text of a system prompt or of a tool's result."""
    return said if isinstance(said, str) else content(list(_texts(said)))


def _texts(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block["type"] != "text":
            raise Odd(_block(block["type"]))
        yield block["text"]


def _block(kind: str) -> str:
    return "media in the messages" if kind in ("image", "document") else f"a block of the type {kind}"


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    if "input_schema" not in told:
        raise Odd(f"a tool of the provider: {told.get('type', 'unknown')}")
    return tool(told["name"], told.get("description"), told["input_schema"])
