"""LiteLLM: its standard logging payload and its spend logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Fidelity, Item, Taken, day, opened, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import pair
from toolkit.wires.anthropic_messages import AnthropicMessages

CALLS = ("completion", "acompletion", "anthropic_messages", "aanthropic_messages", "responses", "aresponses", "")

KEPT = ("tools", "instructions", "previous_response_id", "conversation", "prompt")
"""What decides a conversation and stands among the parameters."""


@dataclass(frozen=True, slots=True)
class LiteLLM:
    """LiteLLM's `StandardLoggingPayload` as JSON lines, or rows of its spend logs.

    Messages are in LiteLLM's own form: reconstructed. Of calls of `/v1/messages` it used to leave the system
    prompt out: lossy where there is none. Its database cuts strings of over 2,048 characters; such a record
    makes no row.
    """

    id: ClassVar[str] = "litellm"

    def claims(self, record: Mapping[str, Any]) -> int:
        if "call_type" not in record or "messages" not in record or "response" not in record:
            return 0
        return 9 if {"custom_llm_provider", "model_group", "api_base"} & set(record) else 5

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            talk, why = talked(_talk, value)
            bare = not any(each["role"] == "system" for each in talk.messages)
            made: Fidelity = "lossy" if bare and _is_claude(value) else "reconstructed"
            provider = str(value.get("custom_llm_provider") or "")
            when = day(value.get("startTime"))
            told_id = str(value.get("request_id") or value.get("id") or "")
            yield Taken([position], talk, made, provider, when, told_id, why)


def _talk(told: Mapping[str, Any]) -> Talk:
    if told.get("status") not in (None, "", "success"):
        raise Odd(f"status {told['status']}")
    if str(told.get("call_type") or "") not in CALLS:
        raise Odd("not a chat call")
    messages = opened(told["messages"])
    if not messages or isinstance(messages, str):
        raise Odd("its messages were not logged")
    options = opened(told.get("model_parameters")) or {}
    request = dict(messages) if isinstance(messages, Mapping) else {"messages": messages, "input": messages}
    for name in KEPT:
        request.setdefault(name, options.get(name))
    reply = opened(told["response"])
    if _is_claude(told) and isinstance(reply, Mapping) and "choices" in reply:
        asked = AnthropicMessages().talk(request, {})  # the question in Anthropic's form, the answer in OpenAI's
        answered = pair({}, reply)
        return answered._replace(messages=asked.messages, tools=asked.tools)
    return pair({"model": told.get("model"), **request}, reply)


def _is_claude(told: Mapping[str, Any]) -> bool:
    return "anthropic_messages" in str(told.get("call_type"))
