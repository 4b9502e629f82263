"""Turns from what people write in the place of a message, faults named and nothing repaired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from toolkit.core import tools
from toolkit.core.jsontext import written
from toolkit.core.types import Turn

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def content_of(value: Any) -> tuple[str | None, str]:
    """A message's content as text, and the kind of what stood there (see `Turn`)."""
    if isinstance(value, str):
        return value, "text"
    if value is None:
        return None, "null"
    if isinstance(value, bool):
        return str(value).lower(), "bool"
    if isinstance(value, int | float):
        return str(value), "number"
    if isinstance(value, Mapping):
        return as_json(value), "object"
    texts = [_part_text(part) for part in value]
    if any(text is None for text in texts):
        return as_json(value), "list"
    return "\n".join(text for text in texts if text), "parts"


def _part_text(part: Any) -> str | None:
    """The text of one content part; empty for an image or other medium, None where it is no part, as a string is."""
    if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
        return None
    text = part.get("text", part.get("value") if part["type"] == "text" else None)  # LLaMA-Factory writes `value`
    return text if isinstance(text, str) else ""


def message(value: Any) -> Turn:
    """An OpenAI-style message as a turn; anything else becomes a turn of the kind `not a turn`."""
    if not isinstance(value, Mapping):
        return Turn(None, as_json(value), "not a turn")
    content, kind = content_of(value["content"]) if "content" in value else (None, "missing")
    role = value.get("role")
    calls = value.get("tool_calls") or value.get("function_call") or _call_parts(value.get("content"))
    if calls and not content and kind == "parts":
        content, kind = None, "null"  # parts that call and say nothing
    trains = value.get("weight", 1) not in (0, False) and value.get("train", True) is not False
    reply_to = value.get("tool_call_id")
    return Turn(
        role if isinstance(role, str) else None,
        content,
        kind,
        as_json(calls) if calls else None,
        trains,
        reply_to if isinstance(reply_to, str) else None,
    )


def _call_parts(content: Any) -> list[Any]:
    """Tool calls among content parts in OpenAI's form: Claude's blocks, and LLaMA-Factory's, which hold JSON text."""
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    return [_as_call(part) for part in parts if part.get("type") in ("tool_call", "tool_use")]


def _as_call(part: Mapping[str, Any]) -> Any:
    if part["type"] == "tool_use":
        return tools.call(part.get("name"), part.get("input"), part.get("id"))
    text = part.get("value")
    try:
        found = orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return text
    named = isinstance(found, Mapping) and "name" in found
    return {"type": "function", "function": found} if named else found


def messages(value: Any) -> list[Turn]:
    """A list of messages as turns; a value that is no list is one turn that is none."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [Turn(None, None if value is None else as_json(value), "not a turn")]
    return [turn for each in value for turn in _turns_of(each)]


def _turns_of(value: Any) -> Iterator[Turn]:
    """The turns of one message: results of tools, which Claude's form has as blocks of the user's, come each first."""
    content = value.get("content") if isinstance(value, Mapping) else None
    parts = content if isinstance(content, list) else []
    results = [part for part in parts if isinstance(part, Mapping) and part.get("type") == "tool_result"]
    for part in results:
        text, kind = content_of(part["content"]) if "content" in part else (None, "missing")
        reply_to = part.get("tool_use_id")
        yield Turn("tool", text, kind, reply_to=reply_to if isinstance(reply_to, str) else None)
    if not results:
        yield message(value)
    elif len(results) < len(parts):
        yield message({**value, "content": [part for part in parts if part not in results]})


def is_messages(value: Any) -> bool:
    """Whether a value looks like a list of role and content messages."""
    return (
        isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) and "role" in each for each in value)
    )


def as_message(turn: Turn) -> dict[str, Any]:
    """A turn as an OpenAI-style message."""
    found: dict[str, Any] = {}
    if turn.role is not None:
        found["role"] = turn.role
    if turn.kind != "missing":
        found["content"] = turn.content
    if turn.calls is not None:
        found["tool_calls"] = orjson.loads(turn.calls)
    if turn.reply_to is not None:
        found["tool_call_id"] = turn.reply_to
    if not turn.trains:
        found["weight"] = 0
    return found


def plain(role: str, value: Any) -> Turn:
    """A turn from a bare value, such as the `output` of an alpaca row."""
    content, kind = content_of(value)
    return Turn(role, content, kind)


def as_json(value: Any) -> str:
    """A value as compact JSON text."""
    return written(value).decode()


def as_text(value: Any) -> str | None:
    """A value as the text that a `tools` column holds: JSON, unless it is text already."""
    if not value:
        return None
    return value if isinstance(value, str) else as_json(value)
