"""Amazon Bedrock's conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import tools as core_tools
from toolkit.core import turns
from toolkit.core.types import Parsed, Turn

SCHEMA = "bedrock-conversation-2024"


@dataclass(frozen=True, slots=True)
class Bedrock:
    """`{"schemaVersion": "bedrock-conversation-2024", "system": [{"text"}], "messages": [{"role", "content":
    [{"text"}]}]}`: what Nova and Llama take on Bedrock, with `toolUse`, `toolResult` and `toolConfig` for tools."""

    id: ClassVar[str] = "bedrock"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 13 if "schemaVersion" in row and "messages" in row else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        given = row.get("system")
        system = [Turn("system", *_texts(given))] if given else []
        found = row.get("messages")
        body = [turn for each in found for turn in _turns(each)] if isinstance(found, list) else turns.messages(found)
        config = row.get("toolConfig")
        listed = config.get("tools") if isinstance(config, Mapping) else None
        return Parsed([*system, *body], tools=turns.as_text(_functions(listed)))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        body = list(parsed.turns)
        row: dict[str, Any] = {"schemaVersion": SCHEMA}
        if body and body[0].role == "system":
            row["system"] = [{"text": body.pop(0).content}]
        row["messages"] = _merged([_message(turn) for turn in body])
        if parsed.tools is not None:
            row["toolConfig"] = {"tools": [_spec(each) for each in core_tools.functions(parsed.tools)]}
        return row


def _texts(content: Any) -> tuple[str | None, str]:
    """The texts of content blocks, and the kind of content that they are."""
    if not isinstance(content, list):
        return turns.content_of(content)
    if all(isinstance(each, Mapping) and isinstance(each.get("text"), str) for each in content):
        texts = [each["text"] for each in content]
        return "\n".join(texts), "text" if len(texts) == 1 else "parts"
    texts = [each["text"] for each in content if isinstance(each, Mapping) and isinstance(each.get("text"), str)]
    return "\n".join(texts), "parts"


def _turns(message: Any) -> Iterator[Turn]:
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        yield turns.message(message)
        return
    blocks = [each for each in content if isinstance(each, Mapping)]
    results = [each["toolResult"] for each in blocks if isinstance(each.get("toolResult"), Mapping)]
    for each in results:
        yield Turn("tool", *_texts(_as_texts(each.get("content"))), reply_to=each.get("toolUseId"))
    rest = [each for each in content if not (isinstance(each, Mapping) and "toolResult" in each)]
    calls = [each["toolUse"] for each in blocks if isinstance(each.get("toolUse"), Mapping)]
    said = [each for each in rest if not (isinstance(each, Mapping) and "toolUse" in each)]
    if not rest:
        return
    text, kind = _texts(said) if said else (None, "null")
    role = message.get("role")
    yield Turn(role if isinstance(role, str) else None, text, kind, _calls(calls))


def _as_texts(blocks: Any) -> Any:
    """Blocks of a tool's result with JSON ones as their text."""
    if not isinstance(blocks, list):
        return blocks
    return [
        {"text": turns.as_json(each["json"])} if isinstance(each, Mapping) and "json" in each else each
        for each in blocks
    ]


def _calls(found: list[Any]) -> str | None:
    if not found:
        return None
    return turns.as_json(
        [core_tools.call(each.get("name"), each.get("input"), each.get("toolUseId")) for each in found]
    )


def _functions(listed: Any) -> list[Any] | None:
    specs = [each.get("toolSpec") for each in listed or () if isinstance(each, Mapping)]
    found = []
    for each in specs:
        if isinstance(each, Mapping):
            schema = each.get("inputSchema")
            inner = schema.get("json") if isinstance(schema, Mapping) else None
            told = {"name": each.get("name"), "description": each.get("description"), "parameters": inner}
            function = {key: value for key, value in told.items() if value is not None}
            found.append({"type": "function", "function": function})
    return found or None


def _spec(function: Mapping[str, Any]) -> dict[str, Any]:
    told = {"name": function.get("name"), "description": function.get("description")}
    spec = {key: value for key, value in told.items() if value is not None}
    return {"toolSpec": {**spec, "inputSchema": {"json": function.get("parameters", {"type": "object"})}}}


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "tool":
        result = {"toolUseId": turn.reply_to or "", "content": [{"text": turn.content or ""}]}
        return {"role": "user", "content": [{"toolResult": result}]}
    content: list[dict[str, Any]] = [] if turn.content is None else [{"text": turn.content}]
    calls = core_tools.calls(turn.calls) if turn.calls else []
    used = [{"toolUseId": each.id or "", "name": each.name, "input": each.arguments or {}} for each in calls]
    return {"role": turn.role, "content": [*content, *({"toolUse": each} for each in used)]}


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results of tools that follow each other as one message, as the service wants them."""
    found: list[dict[str, Any]] = []
    for each in messages:
        if found and _is_result(each) and _is_result(found[-1]):
            found[-1]["content"] += each["content"]
        else:
            found.append(each)
    return found


def _is_result(message: Mapping[str, Any]) -> bool:
    return bool(message["content"]) and "toolResult" in message["content"][0]
