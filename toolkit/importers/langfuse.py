"""Langfuse: exported observations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import chat


@dataclass(frozen=True, slots=True)
class Langfuse:
    """Langfuse's observations of the type GENERATION, as its export and its API write them.

    Lossy: how an answer ended is not told. Spans and events are no part of a conversation.
    """

    id: ClassVar[str] = "langfuse"

    def claims(self, record: Mapping[str, Any]) -> int:
        traced = "traceId" in record or "trace_id" in record
        return 9 if traced and "type" in record and "input" in record and "output" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            if value.get("type") != "GENERATION":
                continue
            talk, why = talked(_talk, value)
            when = day(value.get("startTime") or value.get("start_time"))
            yield Taken([position], talk, "lossy", "", when, str(value.get("id") or ""), why)


def _talk(told: Mapping[str, Any]) -> Talk:
    if told.get("level") == "ERROR":
        raise Odd("an error instead of a reply")
    asked, said = opened(told["input"]), opened(told["output"])
    tools = None
    if isinstance(asked, Mapping):
        tools, asked = asked.get("tools"), asked.get("messages")
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    if not asked:
        raise Odd("its messages were not logged")
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    if isinstance(said, str):
        said = {"content": said}
    if not isinstance(said, Mapping) or not ({"content", "tool_calls"} & set(said)):
        raise Odd("an answer that is no message")
    return chat(asked, said, tools=tools, model=told.get("model") or told.get("providedModelName"))
