"""Gemini's contents on Vertex AI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core import tools as core_tools
from toolkit.core import turns
from toolkit.core.types import Parsed, Turn

ROLE = {"model": "assistant", "function": "tool"}
KEYS = (("systemInstruction", "system_instruction"), ("functionDeclarations", "function_declarations"))
RESULT = "result"


@dataclass(frozen=True, slots=True)
class Vertex:
    """`{"systemInstruction": {"parts": [{"text"}]}, "contents": [{"role": "user" | "model", "parts": [{"text"}]}]}`,
    with `functionCall`, `functionResponse` and `functionDeclarations` for tools: what Gemini is tuned with."""

    id: ClassVar[str] = "vertex"

    def claims(self, row: Mapping[str, Any]) -> int:
        found = row.get("contents")
        first = found[0] if isinstance(found, list) and found else None
        return 13 if isinstance(first, Mapping) and "parts" in first else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        given = _either(row, *KEYS[0])
        system = [Turn("system", *_texts(given.get("parts")))] if isinstance(given, Mapping) else []
        body = [turn for each in row.get("contents") or () for turn in _turns(each)]
        declared = [_either(each, *KEYS[1]) for each in row.get("tools") or () if isinstance(each, Mapping)]
        listed = [{"type": "function", "function": each} for some in declared for each in some or ()]
        return Parsed([*system, *body], tools=turns.as_text(listed))

    def write(self, parsed: Parsed) -> dict[str, Any]:
        body = list(parsed.turns)
        row: dict[str, Any] = {}
        if body and body[0].role == "system":
            row["systemInstruction"] = {"role": "system", "parts": [{"text": body.pop(0).content}]}
        row["contents"] = _merged(list(_contents(body)))
        if parsed.tools is not None:
            row["tools"] = [{"functionDeclarations": core_tools.functions(parsed.tools)}]
        return row


def _either(value: Mapping[str, Any], one: str, other: str) -> Any:
    return value.get(one, value.get(other))


def _texts(parts: Any) -> tuple[str | None, str]:
    if not isinstance(parts, list):
        return turns.content_of(parts)
    texts = [each["text"] for each in parts if isinstance(each, Mapping) and isinstance(each.get("text"), str)]
    return "\n".join(texts), "text" if len(texts) == len(parts) == 1 else "parts"


def _turns(content: Any) -> Iterator[Turn]:
    if not isinstance(content, Mapping):
        yield turns.message(content)
        return
    parts = [each for each in content.get("parts") or () if isinstance(each, Mapping)]
    for each in parts:
        if isinstance(each.get("functionResponse"), Mapping):
            yield Turn("tool", _result(each["functionResponse"].get("response")))
    calls = [each["functionCall"] for each in parts if isinstance(each.get("functionCall"), Mapping)]
    said = [each for each in parts if "functionCall" not in each and "functionResponse" not in each]
    if not said and not calls:
        return
    text, kind = _texts(said) if said else (None, "null")
    written = [core_tools.call(each.get("name"), each.get("args"), each.get("id")) for each in calls]
    role = content.get("role", "user")
    yield Turn(ROLE.get(role, role), text, kind, turns.as_json(written) if written else None)


def _result(response: Any) -> str | None:
    """The text of a tool's result: the service wants an object, so a text stands under one key."""
    if isinstance(response, Mapping) and set(response) == {RESULT} and isinstance(response[RESULT], str):
        return str(response[RESULT])
    return None if response is None else turns.as_json(response)


def _contents(body: list[Turn]) -> Iterator[dict[str, Any]]:
    """Turns as contents; a result's function is told by the call it answers, by id or in order."""
    names: dict[str, str] = {}
    waiting: list[str] = []
    for turn in body:
        calls = core_tools.calls(turn.calls) if turn.calls else []
        names |= {each.id: each.name or "" for each in calls if each.id}
        waiting = [each.name or "" for each in calls] or waiting
        if turn.role == "tool":
            name = names.get(turn.reply_to or "") or (waiting[0] if waiting else "")
            waiting = waiting[1:]
            yield {"role": "user", "parts": [{"functionResponse": {"name": name, "response": _object(turn.content)}}]}
            continue
        parts: list[dict[str, Any]] = [] if turn.content is None else [{"text": turn.content}]
        parts += [{"functionCall": {"name": each.name, "args": each.arguments or {}}} for each in calls]
        yield {"role": "model" if turn.role == "assistant" else turn.role, "parts": parts}


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict) and set(found) != {RESULT} and turns.as_json(found) == text:
        return found
    return {RESULT: text or ""}


def _merged(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results that follow each other as one content: there is one for the calls of one turn."""
    found: list[dict[str, Any]] = []
    for each in contents:
        if found and _is_result(each) and _is_result(found[-1]):
            found[-1]["parts"] += each["parts"]
        else:
            found.append(each)
    return found


def _is_result(content: Mapping[str, Any]) -> bool:
    return bool(content["parts"]) and "functionResponse" in content["parts"][0]
