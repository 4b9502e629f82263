"""Turns from what people write in the place of a message, faults named and nothing repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

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
    """The text of one content part; empty for an image or other medium, None where it is no part."""
    if isinstance(part, str):
        return part
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
    """Tool calls among content parts, which LLaMA-Factory writes as JSON text, in OpenAI's form."""
    parts = content if isinstance(content, list) else ()
    texts = [part.get("value") for part in parts if isinstance(part, Mapping) and part.get("type") == "tool_call"]
    return [_as_call(text) for text in texts]


def _as_call(text: Any) -> Any:
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
    return [message(each) for each in value]


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
