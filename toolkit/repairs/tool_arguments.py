"""Arguments of tool calls as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class ToolArguments:
    """The arguments of a tool call that stand there as an object become JSON text, as the message format has it.

    As objects of many shapes they do not survive Arrow: every row gets the keys of all others.
    """

    id: ClassVar[str] = "tool-arguments"
    on: ClassVar[str] = "row"
    order: ClassVar[int] = 100

    def mend(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        messages = row.get("messages")
        if not isinstance(messages, list):
            return None
        mended = [_message(each) for each in messages]
        if all(each is None for each in mended):
            return None
        return {**row, "messages": [old if new is None else new for old, new in zip(messages, mended, strict=True)]}


def _message(message: Any) -> dict[str, Any] | None:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list):
        return None
    mended = [_call(each) for each in calls]
    if all(each is None for each in mended):
        return None
    return {**message, "tool_calls": [old if new is None else new for old, new in zip(calls, mended, strict=True)]}


def _call(call: Any) -> dict[str, Any] | None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
        return None
    text = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "function": {**function, "arguments": text}}
