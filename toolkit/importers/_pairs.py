"""A provider's request and reply, as several tools keep them, by the wire that can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.core.imported import Fidelity
from toolkit.core.talk import Odd, Talk
from toolkit.wires.anthropic_messages import AnthropicMessages
from toolkit.wires.openai_chat import OpenAIChat
from toolkit.wires.openai_responses import OpenAIResponses

ENDS = (
    "completed", "end_turn", "function_call", "stop", "stop_sequence", "tool_call", "tool_calls", "tool_use",
)  # fmt: skip
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
    """A conversation in OpenAI's form with its answer apart. told: tools, model, id."""
    choice = {"message": {"role": "assistant", **answer}, "finish_reason": stop}
    request = {"messages": messages, "tools": told.get("tools")}
    return OpenAIChat().talk(request, {"choices": [choice], "model": told.get("model"), "id": told.get("id")})


def requests(path: Path, field: str) -> dict[str, Any]:
    """What was handed in for a batch, by `custom_id`: the `field` of each line. Raises InputError."""
    try:
        lines = [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
        return {str(each["custom_id"]): each[field] for each in lines}
    except OSError as failure:
        raise InputError(f"{path} cannot be read: {failure.strerror}", "name the requests with --requests") from failure
    except (ValueError, KeyError, TypeError) as failure:
        what = f"{path} does not hold a batch's requests"
        raise InputError(what, f'each line is {{"custom_id": ..., "{field}": {{...}}}}') from failure
