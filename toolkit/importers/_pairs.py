"""A provider's request and reply, as several tools keep them, by the wire that can read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.core.imported import Fidelity, Item
from toolkit.core.talk import Odd, Talk, tool
from toolkit.wires.anthropic_messages import AnthropicMessages
from toolkit.wires.openai_chat import OpenAIChat
from toolkit.wires.openai_responses import OpenAIResponses

ENDS = (
    "completed", "end_turn", "function_call", "stop", "stop_sequence", "tool_call", "tool_calls", "tool_use",
)  # fmt: skip
BLOCKS = ("redacted_thinking", "thinking", "tool_result", "tool_use")
REFUSALS = ("content_filter", "refusal")
"""What providers call an end in itself and a refusal, whichever of them it was."""


def pair(request: Mapping[str, Any], reply: Any) -> Talk:
    """What a request and its reply say. Raises Odd for a reply of no API that is known."""
    if not isinstance(reply, Mapping) or not reply:
        raise Odd("no reply in the record")
    if reply.get("error"):
        raise Odd("an error instead of a reply")
    if "choices" in reply:
        return OpenAIChat().talk(request, reply)
    if isinstance(reply.get("output"), list):
        return OpenAIResponses().talk(request, reply)
    if reply.get("type") == "message":
        return AnthropicMessages().talk(request, reply)
    raise Odd("a reply of no API that is known")


def fidelity(request: Mapping[str, Any]) -> Fidelity:
    """A streamed reply was put together by the tool; any other is the provider's own."""
    return "reconstructed" if request.get("stream") else "exact"


def chat(messages: Sequence[Any], answer: Mapping[str, Any], *, stop: str = "stop", **told: Any) -> Talk:
    """A conversation with its answer apart, in OpenAI's form or in Anthropic's blocks. told: tools, model, id."""
    about = {"model": told.get("model"), "id": told.get("id")}
    request = {"messages": messages, "tools": told.get("tools")}
    if any(_has_blocks(each) for each in (*messages, answer)):
        said = answer.get("content") or []
        blocks = [{"type": "text", "text": said}] if isinstance(said, str) else said
        end = {"stop": "end_turn", "tool_calls": "tool_use"}.get(stop, stop)
        talk = AnthropicMessages().talk({**request, "tools": ()}, {"content": blocks, "stop_reason": end, **about})
        return talk._replace(tools=declared(told.get("tools")))
    choice = {"message": {"role": "assistant", **answer}, "finish_reason": stop}
    return OpenAIChat().talk(request, {"choices": [choice], **about})


def declared(tools: Any) -> list[dict[str, Any]]:
    """Tools in OpenAI's chat form, whichever API they were declared for. Raises Odd for a provider's own."""
    found = []
    for each in tools or ():
        function = each.get("function", each)
        if each.get("type", "function") not in ("function", "custom") or "name" not in function:
            raise Odd(f"a tool of the provider: {each.get('type', 'unknown')}")
        shape = function.get("parameters") or function.get("input_schema")
        found.append(tool(function["name"], function.get("description"), shape))
    return found


def _has_blocks(message: Any) -> bool:
    content = message.get("content") if isinstance(message, Mapping) else None
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") in BLOCKS for part in content)


def batched(items: Iterable[Item], field: str, path: str) -> tuple[dict[str, Any], list[Item]]:
    """What a batch was asked, by `custom_id`, and its results. field: where a request holds what was asked.

    path: a file of requests, or nothing. Raises InputError for one that cannot be read.
    """
    asked, results = _requests(Path(path), field) if path else {}, []
    for item in items:
        if field in item.value and "custom_id" in item.value:
            asked[str(item.value["custom_id"])] = item.value[field]
        else:
            results.append(item)
    return asked, results


def _requests(path: Path, field: str) -> dict[str, Any]:
    """What was handed in for a batch, by `custom_id`: the `field` of each line. Raises InputError."""
    try:
        lines = [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
        return {str(each["custom_id"]): each[field] for each in lines}
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}", "name the requests with --requests") from failure
    except (ValueError, KeyError, TypeError) as failure:
        what = f"{path} does not hold a batch's requests"
        raise InputError(what, f'each line is {{"custom_id": ..., "{field}": {{...}}}}') from failure
