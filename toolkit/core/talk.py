"""What a captured call says, whatever the API: a conversation, its answers, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Message = dict[str, Any]
"""A message as a row has it: role, content, tool_calls, tool_call_id, reasoning_content."""


class Answer(NamedTuple):
    """One answer. stop: the provider's word for why it ended. good: whether that is an end in itself."""

    message: Message
    stop: str
    good: bool
    refused: bool = False
    category: str = ""


class Talk(NamedTuple):
    """messages: all that was asked. odd: why it makes no row, empty where it may. usage: tokens in, out, cached."""

    messages: Sequence[Message] = ()
    answers: Sequence[Answer] = ()
    tools: Sequence[Any] = ()
    model: str = ""
    id: str = ""
    usage: tuple[int, int, int] = (0, 0, 0)
    odd: str = ""


class Odd(Exception):  # noqa: N818 - it is an answer, not an accident
    """What a row cannot say: the reason it is counted under."""


class Joined(NamedTuple):
    """A stream put together. whole: whether it came to its end. fault: the error that it ended in."""

    message: dict[str, Any]
    whole: bool
    fault: str = ""


def content(parts: Sequence[str]) -> Any:
    """Texts as a message's content: one as it is, several as parts, none as an empty text."""
    if len(parts) == 1:
        return parts[0]
    return [{"type": "text", "text": text} for text in parts] if parts else ""


def call(name: Any, arguments: Any, call_id: Any) -> dict[str, Any]:
    """A tool call as OpenAI's chat writes it, its arguments an object."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name: Any, description: Any, parameters: Any) -> dict[str, Any]:
    """A tool as OpenAI's chat declares it."""
    told = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": {key: value for key, value in told.items() if value is not None}}
