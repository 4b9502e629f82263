"""Codex: session files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.wires.openai_responses import OpenAIResponses

COMPACTED = "a conversation that was compacted on the way"
UNSAID = ("ghost_snapshot",)
"""Items that the model never saw."""


@dataclass(frozen=True, slots=True)
class Codex:
    """A session of Codex (`rollout-*.jsonl`), one row for each end that it had. Lossy: the tools are not in the file.

    Its response items are those of OpenAI's API; a custom tool's call is one with the argument `input`. Turns
    that were rolled back are a row of their own. After a compaction a new conversation begins with what the file
    says the model was left with; where that is not said, or not in words, what follows makes no row.
    """

    id: ClassVar[str] = "codex"

    def claims(self, record: Mapping[str, Any]) -> int:
        kinds = ("session_meta", "response_item", "turn_context", "event_msg", "compacted")
        return 9 if record.get("type") in kinds and isinstance(record.get("payload"), dict) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        spoken = set[int]()
        for nth, part in enumerate(_ends(items)):
            fresh = sorted({each.position for each in part.items} - spoken)
            spoken.update(fresh)
            talk, why = talked(_talk, part.about, [each.value for each in part.items])
            provider, made = str(part.about.get("model_provider") or ""), str(part.about.get("id") or "")
            name = f"{made}-{nth}" if nth and made else made
            yield Taken(fresh, talk, "lossy", provider, part.when, name, part.why or why)


@dataclass
class _Part:
    """What was said in one go: items as they are sent to the model. about: what the file says of the session.

    turns: where each turn of the user begins.
    """

    about: dict[str, Any]
    items: list[Item] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    when: str = ""
    why: str = ""


def _ends(items: Iterable[Item]) -> list[_Part]:
    """The conversations of a file, each up to where it ended. Files may stand one after the other."""
    part, found = _Part({}), list[_Part]()
    for item in items:
        kind, payload = item.value.get("type"), item.value.get("payload")
        if not isinstance(payload, dict):
            continue
        if kind == "session_meta" and part.items:
            found.append(part)
            part = _Part({})
        if kind in ("session_meta", "turn_context"):
            part.about.update({key: value for key, value in payload.items() if value})
        elif kind == "compacted":
            found.append(part)
            part = _after(part, item.position, payload.get("replacement_history"))
        elif kind == "event_msg" and payload.get("type") == "thread_rolled_back":
            found.append(part)
            part = _rolled_back(part, payload.get("num_turns"))
        elif kind == "response_item" and payload.get("type") not in UNSAID:
            if payload.get("role") == "user":
                part.turns.append(len(part.items))
            part.items.append(Item(item.position, payload))
            part.when = day(item.value.get("timestamp")) or part.when
    return [each for each in [*found, part] if each.items]


def _after(part: _Part, position: int, kept: Any) -> _Part:
    """What the model was left with by a compaction."""
    listed = kept if isinstance(kept, list) else []
    told = all(isinstance(each, dict) and each.get("type", "message") != "compaction" for each in listed)
    items = [Item(position, each) for each in listed if isinstance(each, dict)]
    return _Part(part.about, items, why="" if listed and told else COMPACTED)


def _rolled_back(part: _Part, turns: Any) -> _Part:
    n = turns if isinstance(turns, int) and 0 < turns <= len(part.turns) else len(part.turns)
    cut = part.turns[len(part.turns) - n] if n else len(part.items)
    return _Part(part.about, part.items[:cut], part.turns[: len(part.turns) - n], part.when, part.why)


def _talk(about: Mapping[str, Any], listed: list[dict[str, Any]]) -> Talk:
    items = [_plain(each) for each in listed]
    while items and (items[-1]["type"] == "function_call_output" or items[-1].get("role", "assistant") != "assistant"):
        items.pop()
    at = _last(items)
    if at == len(items):
        raise Odd("nothing that the model said")
    told = about.get("base_instructions") or about.get("instructions")
    system = told.get("text") if isinstance(told, Mapping) else told
    reply = {"output": items[at:], "status": "completed", "model": about.get("model")}
    return OpenAIResponses().talk({"instructions": system, "input": items[:at]}, reply)


def _last(items: list[dict[str, Any]]) -> int:
    """Where the model's last message begins: its calls, the text before them, and the thoughts before that."""
    at = len(items)
    for kinds, most in (("function_call",), at), (("message",), 1), (("reasoning",), at):
        while most and at and items[at - 1]["type"] in kinds and items[at - 1].get("role", "assistant") == "assistant":
            at, most = at - 1, most - 1
    return at


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as the API has it for functions."""
    item = {"type": "message", **item}
    if item["type"] == "custom_tool_call":
        arguments = orjson.dumps({"input": item["input"]}).decode()
        return {**item, "type": "function_call", "arguments": arguments}
    if item["type"] not in ("function_call_output", "custom_tool_call_output"):
        return item
    output = item["output"]
    if isinstance(output, dict):
        output = output["content"]
    return {**item, "type": "function_call_output", "output": output}
