"""`llm`: the SQLite file of its logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Message, Odd, Talk
from toolkit.importers._pairs import chat

BESIDE = {
    "tool_calls": "calls of tools, which this importer does not read",
    "tool_results": "calls of tools, which this importer does not read",
    "prompt_attachments": "media in the messages",
    "prompt_fragments": "fragments, which this importer does not read",
    "system_fragments": "fragments, which this importer does not read",
}


@dataclass(frozen=True, slots=True)
class LLMLogs:
    """`logs.db` of the command-line tool `llm`: one row a conversation, its prompts and answers in order.

    Lossy: how an answer ended is not told. Conversations with tools, attachments or fragments make no row.
    """

    id: ClassVar[str] = "llm"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if record.get("$table") == "responses" and "conversation_id" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        threads: dict[str, list[Item]] = {}
        beside: dict[str, str] = {}
        for item in items:
            table = item.value["$table"]
            if table == "responses":
                threads.setdefault(str(item.value.get("conversation_id") or item.value["id"]), []).append(item)
            elif table in BESIDE:
                beside[str(item.value.get("response_id"))] = BESIDE[table]
        for name, thread in threads.items():
            thread.sort(key=lambda each: (str(each.value.get("datetime_utc")), str(each.value["id"])))
            talk, why = talked(_talk, [each.value for each in thread])
            odd = next((beside[str(each.value["id"])] for each in thread if str(each.value["id"]) in beside), "")
            when = day(thread[-1].value.get("datetime_utc"))
            yield Taken([each.position for each in thread], talk, "lossy", "", when, name, odd or why)


def _talk(thread: list[Mapping[str, Any]]) -> Talk:
    messages: list[Message] = []
    for at, each in enumerate(thread):
        system = each.get("system")
        if system and at and system != thread[0].get("system"):
            raise Odd("a system prompt that changes on the way")
        if system and not at:
            messages.append({"role": "system", "content": system})
        messages.append({"role": "user", "content": each["prompt"]})
        messages.append({"role": "assistant", "content": each["response"]})
    return chat(messages[:-1], messages[-1], model=thread[-1].get("model"))
