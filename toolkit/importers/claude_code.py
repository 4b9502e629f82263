"""Claude Code: session files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.wires.anthropic_messages import AnthropicMessages


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """A session of Claude Code: one row for each branch that nothing goes on from, its tool calls among it.

    Lossy: the system prompt and the tools are not in the file. A reply that is written over several lines
    is one message. Other lines (summaries, snapshots, meta) are no part of a conversation.
    """

    id: ClassVar[str] = "claude-code"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if "sessionId" in record and "parentUuid" in record and "message" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        lines: dict[str, Item] = {}
        for item in items:
            if "uuid" in item.value:
                lines[str(item.value["uuid"])] = item
        names = [name for name, item in lines.items() if _says(item)]
        parents = {_before(lines, name) for name in names}
        spoken: set[int] = set()
        for name in [each for each in names if each not in parents]:
            branch = _branch(lines, name)
            fresh = [each.position for each in branch if each.position not in spoken]
            spoken.update(fresh)
            talk, why = talked(_talk, [each.value for each in branch])
            provider, last = "anthropic", branch[-1].value
            yield Taken(fresh, talk, "lossy", provider, day(last.get("timestamp")), talk.id or name, why)


def _branch(lines: Mapping[str, Item], name: str) -> list[Item]:
    """What was said from the first line to this one, past lines of another kind; a circle ends where it closes."""
    found: dict[str, Item] = {}
    while name in lines and name not in found:
        found[name] = lines[name]
        name = str(lines[name].value.get("parentUuid"))
    return [each for each in reversed(found.values()) if _says(each)]


def _before(lines: Mapping[str, Item], name: str) -> str:
    """The line that this one answers, past lines of another kind; empty for none."""
    passed: set[str] = set()
    name = str(lines[name].value.get("parentUuid"))
    while name in lines and name not in passed and not _says(lines[name]):
        passed.add(name)
        name = str(lines[name].value.get("parentUuid"))
    return name if name in lines and name not in passed else ""


def _says(line: Item) -> bool:
    return line.value.get("type") in ("user", "assistant")


def _talk(lines: Sequence[Mapping[str, Any]]) -> Talk:
    messages: list[dict[str, Any]] = []
    for each in lines:
        said = each["message"]
        if each.get("isMeta"):
            continue
        if messages and said.get("id") and messages[-1].get("id") == said["id"]:
            messages[-1] = {**said, "content": [*messages[-1]["content"], *said["content"]]}
        else:
            messages.append(dict(said))
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        raise Odd("nothing that the model said")
    return AnthropicMessages().talk({"messages": messages[:-1]}, messages[-1])
