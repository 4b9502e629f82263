"""Langfuse: exported observations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Fidelity, Item, Taken, day, opened, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import ENDS, chat
from toolkit.wires.openai_responses import OpenAIResponses

ITEMS = ("function_call", "message", "reasoning")
"""What an answer of OpenAI's responses is made of."""


@dataclass(frozen=True, slots=True)
class Langfuse:
    """Langfuse's observations of the type GENERATION, as its exports and its API write them.

    Lossy, as how an answer ended is not told; reconstructed where it is, which its SDK does for streams. Spans
    and events are no part of a conversation.
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
            made: Fidelity = "reconstructed" if _end(value) else "lossy"
            yield Taken([position], talk, made, "", when, str(value.get("id") or ""), why)


def _talk(told: Mapping[str, Any]) -> Talk:
    if told.get("level") == "ERROR":
        raise Odd("an error instead of a reply")
    asked, said = opened(told["input"]), opened(told["output"])
    model = next((told[name] for name in ("model", "providedModelName", "provided_model_name") if told.get(name)), "")
    about = asked if isinstance(asked, Mapping) else {"messages": asked}
    asked = about.get("messages") or about.get("input")
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    if not asked:
        raise Odd("its messages were not logged")
    if items := _items(said):
        end = _end(told)
        reply = {"output": items, "status": "completed" if not end or end in ENDS else end, "model": model}
        return OpenAIResponses().talk({**about, "input": asked, "messages": None}, reply)
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    if isinstance(said, str):
        said = {"content": said}
    if not isinstance(said, Mapping) or not ({"content", "tool_calls"} & set(said)):
        raise Odd("an answer that is no message")
    if about.get("instructions") or about.get("system"):
        asked = [{"role": "system", "content": about.get("instructions") or about["system"]}, *asked]
    return chat(asked, said, stop=_end(told) or "stop", tools=about.get("tools"), model=model)


def _items(said: Any) -> list[Any]:
    """The items of an answer of OpenAI's responses, which Langfuse logs as one or as a list; empty for any other."""
    listed = said if isinstance(said, list) else [said]
    known = all(isinstance(each, Mapping) and each.get("type") in ITEMS for each in listed)
    return listed if known else []


def _end(told: Mapping[str, Any]) -> str:
    """How the answer ended, as far as it is told."""
    metadata = opened(told.get("metadata"))
    return str(opened(metadata.get("finish_reason")) or "").strip('"') if isinstance(metadata, Mapping) else ""
