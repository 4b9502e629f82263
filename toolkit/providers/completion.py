"""Reads what a server of OpenAI's kind sends: a chat completion, its tokens, or what it says of a failure."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from toolkit.core.request import Reply, Usage

STOPS = {
    **{"stop": "end_turn", "length": "max_tokens", "model_length": "max_tokens", "max_tokens": "max_tokens"},
    **{"content_filter": "refusal", "tool_calls": "tool_use"},
}
BROKE_OFF = ("error", "insufficient_system_resource")
THOUGHT = re.compile(r"\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
ANSWERS = ("[", "{", '"', "`")


class NoCompletion(ValueError):  # noqa: N818 - it is an answer, not an accident
    """What came is no chat completion."""


def parsed(content: bytes) -> Any:
    """JSON as servers write it, with NaN, half surrogates or a byte order mark in it: it was paid for.

    Raises ValueError or RecursionError for what is no JSON.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        told = json.loads(content.decode("utf-8-sig", "replace"), parse_constant=lambda _: None)
        return orjson.loads(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))


def completed(told: Any) -> Reply:
    """The reply in a chat completion. Raises NoCompletion where there is none."""
    choice = _first(told)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise NoCompletion("its choice holds no message")
    text, refusal = _without_thought(_joined(message.get("content"))), _joined(message.get("refusal"))
    ended = choice.get("finish_reason")
    stop = STOPS.get(ended, "end_turn") if isinstance(ended, str) else "end_turn"
    return Reply(
        text or refusal,
        str(told.get("model") or ""),
        tokens(told.get("usage")),
        "refusal" if refusal else stop,
        detail=refusal,
        calls=tuple(map(_heard, message.get("tool_calls") or ())),
    )


def failed(told: Any) -> tuple[int, str] | None:
    """Status and words of a failure that came with the status of a success, as gateways send it once they began."""
    if not isinstance(told, Mapping):
        return None
    listed = told.get("choices")
    choice = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    broke = "the model broke off" if choice.get("finish_reason") in BROKE_OFF else None
    error = choice.get("error") or broke or (None if choice else told.get("error"))
    if not error:
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    return (code if isinstance(code, int) and 400 <= code < 600 else 500), words(error)


def said(content: bytes) -> str:
    """What the body of a failure says, in whichever of the usual shapes it is."""
    try:
        told = parsed(content)
    except (ValueError, RecursionError):
        return content[:2000].decode("utf-8", "replace")
    return words(told) or content[:500].decode("utf-8", "replace")


def words(told: Any) -> str:
    """The words in an error: a text, a list of faults with their places, or an object that holds one of these."""
    if isinstance(told, list):
        return "; ".join(filter(None, map(words, told)))
    if not isinstance(told, Mapping):
        return "" if told is None else str(told)
    if isinstance(told.get("loc"), list) and "msg" in told:
        return f"{'.'.join(map(str, told['loc']))}: {told['msg']}"
    code, more = told.get("code"), told.get("metadata")
    pieces = [code if isinstance(code, str) and not code.isdigit() else ""]
    pieces += [words(told.get(name)) for name in ("error", "errors", "detail", "message", "msg")]
    # A gateway's own words are `Provider returned error`; those of the server behind it stand here.
    pieces += [words(more.get("raw"))] if isinstance(more, Mapping) else []
    return " ".join(dict.fromkeys(filter(None, pieces)))


def tokens(usage: Any) -> Usage:
    """Tokens of a reply, zero where the server does not tell them.

    Those from and to a cache are among the prompt's. Some servers leave reasoning out of `completion_tokens`
    and bill it all the same: it stands in the total alone.
    """
    if not isinstance(usage, Mapping):
        return Usage()
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    prompt, total = count(usage.get("prompt_tokens")), count(usage.get("total_tokens"))
    answer = max(count(usage.get("completion_tokens")), total - prompt)
    cached = count(details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens"))
    written = count(details.get("cache_write_tokens") or usage.get("cache_creation_input_tokens"))
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    return Usage(prompt - cached - written, answer, cached, written)


def count(told: Any) -> int:
    """A number of tokens, zero for anything that is none."""
    try:
        found = float(told)
    except (TypeError, ValueError):
        return 0
    return int(found) if math.isfinite(found) and found > 0 else 0


def _first(told: Any) -> Mapping[str, Any]:
    listed = told.get("choices") if isinstance(told, Mapping) else None
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], Mapping):
        raise NoCompletion("it holds no choices")
    return listed[0]


def _joined(content: Any) -> str:
    """A content as text: itself, its parts, or nothing."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise NoCompletion(f"its content is {type(content).__name__}")
    texts = (each.get("text") if isinstance(each, Mapping) else each for each in content)
    return "".join(each for each in texts if isinstance(each, str))


def _without_thought(text: str) -> str:
    """The answer alone, where a server leaves a model's reasoning in front of it.

    The chat templates of some models write `<think>` themselves, so that their replies begin behind it.
    """
    if (thought := THOUGHT.match(text)) is not None:
        return text[thought.end() :]
    before, mark, after = text.partition("</think>")
    return after.lstrip() if mark and not before.lstrip().startswith(ANSWERS) and "<think>" not in before else text


def _heard(call: Any) -> dict[str, Any]:
    """A call as rows have it; arguments that are no JSON stay as they came."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or "name" not in function:
        raise NoCompletion("a tool call of it names no function")
    arguments = function.get("arguments") or "{}"
    with contextlib.suppress(orjson.JSONDecodeError):
        arguments = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    return {"id": call.get("id"), "type": "function", "function": {"name": function["name"], "arguments": arguments}}
