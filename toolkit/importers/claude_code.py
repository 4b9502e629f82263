"""Claude Code: session files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.wires.anthropic_messages import AnthropicMessages


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """A session of Claude Code: one row for each branch that nothing goes on from, its tool calls among it.

    Lossy: the system prompt and the tools are not in the file, nor always how an answer ended. A reply that is
    written over several lines is one message, and the results of its tools, which each follow their own line, are
    all of them answers to it. Other lines (summaries, snapshots, meta, errors of the API) are no part of a
    conversation. After a compaction a new conversation begins with the summary, as it did for the model.
    """

    id: ClassVar[str] = "claude-code"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if "sessionId" in record and "parentUuid" in record and "message" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        lines = {str(item.value["uuid"]): item for item in items if "uuid" in item.value}
        turns = _turns(lines)
        parents = {id(each.parent) for each in turns}
        spoken: set[int] = set()
        for last in [each for each in turns if id(each) not in parents]:
            branch = _branch(last)
            fresh = [line.position for each in branch for line in each.lines if line.position not in spoken]
            spoken.update(fresh)
            talk, why = talked(_talk, branch)
            end = last.lines[-1].value
            made = talk.id or str(end.get("uuid") or "")
            yield Taken(fresh, talk, "lossy", "anthropic", day(end.get("timestamp")), made, why)


@dataclass(eq=False)
class _Turn:
    """What one side said before the other spoke, in one or more lines. parent: what it answers, None at the start."""

    lines: list[Item]
    parent: _Turn | None = None
    answered: set[Any] = field(default_factory=set)

    def message(self) -> dict[str, Any]:
        said = [each.value["message"] for each in self.lines]
        if len(said) == 1:
            return dict(said[0])
        stop = next((each["stop_reason"] for each in reversed(said) if each.get("stop_reason")), None)
        return {**said[-1], "content": [block for each in said for block in each["content"]], "stop_reason": stop}


def _turns(lines: Mapping[str, Item]) -> list[_Turn]:
    """The lines of a file that say something, as turns that know what they answer."""
    found: list[_Turn] = []
    of: dict[str, _Turn] = {}
    replies: dict[str, _Turn] = {}
    results: dict[int, _Turn] = {}
    for name in [each for each, item in lines.items() if _says(item)]:
        item, parent = lines[name], of.get(_before(lines, name))
        answered = _answered(item)
        reply = _reply(item)
        turn = replies.get(reply) if reply else results.get(id(parent)) if answered else None
        if turn is None or answered & turn.answered:
            turn = _Turn([], parent)
            found.append(turn)
        if reply:
            replies[reply] = turn
        elif answered and parent is not None:
            results[id(parent)] = turn
        turn.lines.append(item)
        turn.answered |= answered
        of[name] = turn
    return found


def _branch(last: _Turn) -> list[_Turn]:
    """What was said up to this turn; a circle ends where it closes."""
    found: dict[int, _Turn] = {}
    turn: _Turn | None = last
    while turn is not None and id(turn) not in found:
        found[id(turn)] = turn
        turn = turn.parent
    return list(reversed(found.values()))


def _before(lines: Mapping[str, Item], name: str) -> str:
    """The line that this one answers, past lines of another kind; empty for none."""
    passed: set[str] = set()
    name = str(lines[name].value.get("parentUuid"))
    while name in lines and name not in passed and not _says(lines[name]):
        passed.add(name)
        name = str(lines[name].value.get("parentUuid"))
    return name if name in lines and name not in passed else ""


def _says(line: Item) -> bool:
    """Whether a line is part of the conversation; errors of the API stand in the model's place."""
    told, said = line.value, line.value.get("message")
    if told.get("isApiErrorMessage") or not isinstance(said, Mapping) or said.get("model") == "<synthetic>":
        return False
    return told.get("type") in ("user", "assistant") and not told.get("isMeta")


def _reply(item: Item) -> str:
    """The id of the model's reply that a line is part of; empty for a line of the user."""
    said = item.value["message"]
    return str(said.get("id") or "") if item.value["type"] == "assistant" else ""


def _answered(item: Item) -> set[Any]:
    """The calls whose results a line of the user holds."""
    content = item.value["message"].get("content")
    if item.value["type"] != "user" or not isinstance(content, list):
        return set()
    blocks = [each for each in content if isinstance(each, dict) and each.get("type") == "tool_result"]
    return {str(each.get("tool_use_id")) for each in blocks}


def _talk(branch: list[_Turn]) -> Talk:
    messages = [each.message() for each in branch]
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        raise Odd("nothing that the model said")
    reply = messages.pop()
    if not reply.get("stop_reason"):  # older versions do not write it
        calls = any(block["type"] == "tool_use" for block in reply["content"])
        reply["stop_reason"] = "tool_use" if calls else "end_turn"
    return AnthropicMessages().talk({"messages": messages}, reply)
