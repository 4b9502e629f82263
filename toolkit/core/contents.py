"""The texts of a row that a model reads, changed in place: contents of messages, columns of flat rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Change = Callable[[str], str | None]

COLUMNS = (
    "instruction", "input", "output", "system", "prompt", "completion", "question", "answer", "query", "response",
    "text", "chosen", "rejected",
)  # fmt: skip
WHOLE = ("instruction", "input", "output", "text", "question", "answer", "query", "response")
"""Columns that stand alone: what white space their ends carry is nobody's separator, as it is of a prompt."""


def contents_mapped(row: Mapping[str, Any], change: Change, columns: Sequence[str] = COLUMNS) -> dict[str, Any] | None:
    """The row with `change` made of each text where it is not None; None where no text changes."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            new: Any = _list_mapped(value, change)
        else:
            new = change(value) if isinstance(value, str) and name in columns else None
        if new is not None:
            found[name] = new
    return {**row, **found} if found else None


def texts(row: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> list[str]:
    """The texts that `contents_mapped` would offer."""
    seen: list[str] = []
    contents_mapped(row, lambda text: seen.append(text), columns)
    return seen


def is_message(value: Any) -> bool:
    """Whether a value looks like a message of OpenAI's or ShareGPT's form."""
    return isinstance(value, dict) and (
        ("role" in value and "content" in value) or ("from" in value and "value" in value)
    )


def _list_mapped(values: list[Any], change: Change) -> list[Any] | None:
    mended = [_message_mapped(each, change) if is_message(each) else None for each in values]
    if all(each is None for each in mended):
        return None
    return [old if new is None else new for old, new in zip(values, mended, strict=True)]


def _message_mapped(message: dict[str, Any], change: Change) -> dict[str, Any] | None:
    name = "content" if "role" in message else "value"
    content = message[name]
    new = change(content) if isinstance(content, str) else _parts_mapped(content, change)
    return None if new is None else {**message, name: new}


def _parts_mapped(content: Any, change: Change) -> list[Any] | None:
    """Content parts with their texts changed."""
    if not isinstance(content, list):
        return None
    mended = [
        change(part["text"]) if isinstance(part, dict) and isinstance(part.get("text"), str) else None
        for part in content
    ]
    if all(each is None for each in mended):
        return None
    pairs = zip(content, mended, strict=True)
    return [old if new is None else {**old, "text": new} for old, new in pairs]
