"""The tables of `llm` since 0.36: messages in chains, and turns that say which model wrote on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Answer, Message, Odd, Talk, call, content, tool
from toolkit.importers._pairs import ENDS, REFUSALS

TABLES = ("messages", "parts", "turns", "fragments", "tools", "turn_tools")


@dataclass
class Turns:
    """Rows of these tables by what they are looked up by."""

    messages: dict[str, Item] = field(default_factory=dict)
    parts: dict[str, list[Item]] = field(default_factory=dict)
    turns: list[Item] = field(default_factory=list)
    fragments: dict[Any, Item] = field(default_factory=dict)
    tools: dict[Any, Item] = field(default_factory=dict)
    offered: dict[str, list[Item]] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[Item]) -> Turns:
        found = cls()
        for item in items:
            table, row = item.value.get("$table"), item.value
            if table == "messages":
                found.messages[str(row.get("hash"))] = item
            elif table == "parts":
                found.parts.setdefault(str(row.get("message_hash")), []).append(item)
            elif table == "turns":
                found.turns.append(item)
            elif table == "turn_tools":
                found.offered.setdefault(str(row.get("turn_id")), []).append(item)
            elif table in ("fragments", "tools"):
                getattr(found, table)[row.get("id")] = item
        for parts in found.parts.values():
            parts.sort(key=lambda each: int(each.value.get("position") or 0))
        return found

    def taken(self) -> Iterator[Taken]:
        """What each turn gives; a conversation's earlier turns are known as such by their words."""
        for turn in self.turns:
            chain = self._chain(str(turn.value.get("tip_message_hash")))
            offered = self.offered.get(str(turn.value.get("id")), [])
            used = [turn, *chain, *(part for each in chain for part in self._parts(each)), *offered]
            used += [self.tools[at] for each in offered if (at := each.value.get("tool_id")) in self.tools]
            used += [self.fragments[at] for each in used for at in _quoted(each) if at in self.fragments]
            talk, why = talked(self._talk, turn.value, chain, offered)
            stop = talk.answers[0].stop if talk.answers else ""
            when, name = day(turn.value.get("datetime_utc")), str(turn.value.get("id") or "")
            positions = sorted({each.position for each in used})
            yield Taken(positions, talk, "reconstructed" if stop else "lossy", "", when, name, why)

    def _chain(self, tip: str) -> list[Item]:
        """The messages up to this one, in order; a circle ends where it closes."""
        found: dict[str, Item] = {}
        while tip in self.messages and tip not in found:
            found[tip] = self.messages[tip]
            tip = str(self.messages[tip].value.get("parent_hash"))
        return list(reversed(found.values()))

    def _parts(self, message: Item) -> Sequence[Item]:
        return self.parts.get(str(message.value["hash"]), ())

    def _talk(self, turn: Mapping[str, Any], chain: Sequence[Item], offered: Sequence[Item]) -> Talk:
        if not chain or turn["tip_message_hash"] == turn.get("parent_message_hash"):
            raise Odd("nothing that the model said")
        messages = [message for each in chain for message in self._said(each)]
        if messages[-1]["role"] != "assistant":
            raise Odd("a conversation that does not end with an answer")
        stop = _stop(opened(turn.get("response_json")))
        answer = Answer(messages.pop(), stop, not stop or stop in ENDS, stop in REFUSALS)
        tools = [_tool(self.tools[each.value["tool_id"]].value) for each in offered]
        return Talk(messages, [answer], tools, str(turn.get("resolved_model") or turn.get("model") or ""))

    def _said(self, item: Item) -> Iterator[Message]:
        """A stored message as messages of a row: results of tools are turns of their own."""
        texts, thoughts, calls = list[str](), list[str](), list[dict[str, Any]]()
        for part in (each.value for each in self._parts(item)):
            kind, told = part["type"], opened(part.get("payload")) or {}
            if told.get("server_executed") or told.get("attachments"):
                raise Odd("a tool of the provider" if told.get("server_executed") else "media in the messages")
            if kind == "text":
                texts.append(self._text(part, told))
            elif kind == "reasoning":
                thoughts.append(self._text(part, told))
            elif kind == "tool_call":
                calls.append(call(told["name"], told["arguments"], told.get("tool_call_id")))
            elif kind == "tool_result":
                said = self._text({"text": told.get("output")}, told)
                yield {"role": "tool", "tool_call_id": told.get("tool_call_id"), "content": said}
            else:
                raise Odd("media in the messages" if kind == "attachment" else f"a part of the type {kind}")
        if texts or calls:
            message: Message = {"role": item.value["role"], "content": content(texts)}
            message |= {"tool_calls": calls} if calls else {}
            yield {**message, "reasoning_content": "\n".join(thoughts)} if any(thoughts) else message

    def _text(self, part: Mapping[str, Any], told: Mapping[str, Any]) -> str:
        """A part's text; what was a fragment stands in a table of its own."""
        if "text_ref" not in told:
            return str(part.get("text") or "")
        pieces = told["text_ref"]
        return "".join(
            each["literal"] if "literal" in each else self.fragments[each["fragment"]].value["content"]
            for each in pieces
        )


def _quoted(item: Item) -> list[Any]:
    """The fragments that a part quotes."""
    told = opened(item.value.get("payload")) if item.value.get("$table") == "parts" else None
    listed = told.get("text_ref") if isinstance(told, dict) else None
    return [each.get("fragment") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _stop(reply: Any) -> str:
    """How the provider said that the answer ended; empty where it did not."""
    if not isinstance(reply, Mapping):
        return ""
    choice: Mapping[str, Any] = next(iter(reply.get("choices") or ()), {})
    told = reply.get("finish_reason") or reply.get("stop_reason") or choice.get("finish_reason")
    return str(told or reply.get("status") or "")


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    return tool(told["name"], told.get("description"), opened(told.get("input_schema")))
