"""What a target did not take of a row: the row as it was beside what our own reader makes of the exported one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from toolkit.core import tools as core_tools
from toolkit.core.types import Parsed, Turn
from toolkit.outbound.example import STANDARD, Example


def lost(found: Example, back: Parsed, keys: frozenset[str] | None) -> set[str]:
    """The names of what is lost. back: the exported row, read. keys: of messages that the target keeps."""
    names = {f"message key {key}" for each in found.messages for key in each if key not in STANDARD}
    if keys is not None:
        names = {name for name in names if name.removeprefix("message key ") not in keys}
    before = found.parsed
    if list(before.turns) != list(back.turns):
        names |= set(_turns(before.turns, back.turns))
    if before.rejected is not None and before.rejected != back.rejected:
        names |= {f"rejected: {name}" for name in _turns(before.rejected, back.rejected or ())}
    if before.tools and before.tools != back.tools and _functions(before.tools) != _functions(back.tools):
        names.add("tool definitions")
    if before.label != back.label and before.label is not None:
        names.add("labels")
    return names


def _turns(before: Sequence[Turn], after: Sequence[Turn]) -> Iterator[str]:
    if len(before) != len(after):
        yield "turns"
        return
    for one, other in zip(before, after, strict=True):
        if one == other:
            continue
        if one.role != other.role:
            yield f"role {one.role} (written as {other.role})"
        if (one.content or "") != (other.content or ""):
            yield "texts beside tool calls" if one.calls and not other.content else "contents"
        elif one.kind == "parts" and other.kind != "parts":
            yield "content parts (joined)"
        if one.trains != other.trains:
            yield "which turns are trained on"
        yield from _calls(one, other)


def _calls(one: Turn, other: Turn) -> Iterator[str]:
    ours, theirs = _parsed(one.calls), _parsed(other.calls)
    if [each[1:] for each in ours] != [each[1:] for each in theirs]:
        yield "tool calls"
    given = [each[0] for each in ours if each[0]]
    if (given and given != [each[0] for each in theirs]) or (one.reply_to and one.reply_to != other.reply_to):
        yield "ids of tool calls"


def _parsed(text: str | None) -> list[tuple[Any, ...]]:
    if text is None:
        return []
    return [(each.id, each.name, orjson.dumps(each.arguments), each.fault) for each in core_tools.calls(text)]


def _functions(text: str | None) -> Any:
    return core_tools.functions(text) if text else None
