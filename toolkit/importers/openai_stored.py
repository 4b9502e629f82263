"""OpenAI: stored chat completions and responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import pair


@dataclass(frozen=True, slots=True)
class OpenAIStored:
    """Completions and responses that were asked for with `store`, as the API gives them.

    What was asked is at another address: put what `.../chat/completions/ID/messages` gives into each completion
    as `messages`, and what `.../responses/ID/input_items?order=asc` gives into each response as `input`, a list
    or the API's own page. One without it makes no row, nor one whose items are seen to be newest first, as the
    API gives them unless asked. Reconstructed.
    """

    id: ClassVar[str] = "openai-stored"

    def claims(self, record: Mapping[str, Any]) -> int:
        known = record.get("object") == "chat.completion" and "choices" in record
        return 8 if known or (record.get("object") == "response" and "output" in record) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            talk, why = talked(_talk, value)
            made = str(value.get("id") or "")
            yield Taken(
                [position],
                talk,
                "reconstructed",
                "openai",
                day(value.get("created", value.get("created_at"))),
                made,
                why,
            )


def _talk(told: Mapping[str, Any]) -> Talk:
    if told.get("object") == "response":
        asked = _asked(told.get("input"))
        if isinstance(asked, list) and _turned(asked):
            raise Odd("its items are newest first; fetch them with order=asc")
        kept = {name: told.get(name) for name in ("tools", "instructions", "previous_response_id", "conversation")}
        return pair({"input": asked, **kept}, told)
    return pair({"messages": _asked(told.get("messages")), "tools": told.get("tools")}, told)


def _asked(told: Any) -> Any:
    """What was asked, oldest first. Raises Odd where it is not there, or not all of it."""
    if isinstance(told, Mapping):
        if told.get("has_more"):
            raise Odd("not all pages of its messages")
        told = told["data"]
    if not told:
        raise Odd("its messages are at another address of the API")
    return told


def _turned(items: list[Any]) -> bool:
    """Whether items stand in the wrong order as far as can be seen: a result before its call, instructions last."""
    calls = set()
    for item in items:
        if item.get("type") == "function_call":
            calls.add(item.get("call_id"))
        elif item.get("type") == "function_call_output" and item.get("call_id") not in calls:
            return True
    roles = [item.get("role") for item in items]
    return len(roles) > 1 and (roles[0] == "assistant" or roles[-1] in ("system", "developer"))
