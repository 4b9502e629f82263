"""`llm`: the SQLite file of its logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Message, Odd, Talk, call
from toolkit.importers._llm_turns import TABLES, Turns
from toolkit.importers._pairs import chat

BESIDE = {
    "prompt_attachments": "media in the messages",
    "tool_results_attachments": "media in the messages",
    "prompt_fragments": "fragments, which this importer does not read",
    "system_fragments": "fragments, which this importer does not read",
}


@dataclass(frozen=True, slots=True)
class LLMLogs:
    """`logs.db` of the command-line tool `llm`, as it was before 0.36 and as it is since.

    Since 0.36 a row a conversation, and one for each branch: reconstructed where the provider's reply tells how
    the answer ended. Before, a row a conversation: lossy, as that is not told, and with fragments none.
    """

    id: ClassVar[str] = "llm"

    def claims(self, record: Mapping[str, Any]) -> int:
        table = record.get("$table")
        if table == "responses":
            return 9 if "conversation_id" in record else 0
        return 9 if table == "turns" and "tip_message_hash" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        new, threads, beside = list[Item](), dict[str, list[Item]](), _Beside()
        for item in items:
            table = item.value.get("$table")
            if table == "responses":
                name = str(item.value.get("conversation_id") or item.value.get("id"))
                threads.setdefault(name, []).append(item)
            elif table in TABLES:
                new.append(item)
            beside.add(item)
        yield from Turns.of(new).taken()
        for name, thread in threads.items():
            thread.sort(key=lambda each: (str(each.value.get("datetime_utc")), str(each.value.get("id"))))
            talk, why = talked(_talk, [each.value for each in thread], beside)
            when = day(thread[-1].value.get("datetime_utc"))
            positions = [each.position for each in thread] + beside.positions(thread)
            yield Taken(positions, talk, "lossy", "", when, name, why)


class _Beside:
    """Rows of the tables around `responses`, by the response that they belong to."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Item]] = {}

    def add(self, item: Item) -> None:
        if "response_id" in item.value:
            self._rows.setdefault(str(item.value["response_id"]), []).append(item)

    def of(self, response: Mapping[str, Any], table: str) -> list[Mapping[str, Any]]:
        return [each.value for each in self._rows.get(str(response["id"]), ()) if each.value["$table"] == table]

    def positions(self, thread: Iterable[Item]) -> list[int]:
        return [row.position for each in thread for row in self._rows.get(str(each.value.get("id")), ())]


def _talk(thread: list[Mapping[str, Any]], beside: _Beside) -> Talk:
    messages: list[Message] = []
    for at, each in enumerate(thread):
        for table, why in BESIDE.items():
            if beside.of(each, table):
                raise Odd(why)
        system = each.get("system")
        if system and at and system != thread[0].get("system"):
            raise Odd("a system prompt that changes on the way")
        if system and not at:
            messages.append({"role": "system", "content": system})
        results = beside.of(each, "tool_results")
        messages += [
            {"role": "tool", "tool_call_id": told["tool_call_id"], "content": told["output"]} for told in results
        ]
        if each["prompt"] or not results:
            messages.append({"role": "user", "content": each["prompt"]})
        answer: Message = {"role": "assistant", "content": each["response"]}
        if calls := beside.of(each, "tool_calls"):
            answer["tool_calls"] = [
                call(told["name"], opened(told["arguments"]), told["tool_call_id"]) for told in calls
            ]
        messages.append(answer)
    calls_tools = any("tool_calls" in each for each in messages[-1:])
    return chat(
        messages[:-1], messages[-1], stop="tool_calls" if calls_tools else "stop", model=thread[-1].get("model")
    )
