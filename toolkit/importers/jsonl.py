"""Any JSON, by a map of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.errors import UsageError, unknown
from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Message, Odd, Talk
from toolkit.importers._pairs import chat

FIELDS = ("messages", "prompt", "completion", "system", "tools", "model", "provider", "date", "id", "stop")
PATH = re.compile(r"\$?((?:\.?[^.\[\]]+|\[\d+\])+)")
STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class FieldMap:
    """JSON Lines of your own, told by a map: `prompt=$.input completion=$.output`, or `messages=$.chat`.

    map: `FIELD=PATH`, several joined by a comma; fields are messages, prompt, completion, system, tools,
    model, provider, date, id and stop; a path is names and `[numbers]`. With `messages`, the answer is the
    last one, or `completion`. Reconstructed where `stop` tells how the answer ended, else lossy.
    """

    id: ClassVar[str] = "jsonl"

    map: str = ""

    def claims(self, record: Mapping[str, Any]) -> int:
        return 20 if self.map else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        paths = _paths(self.map)
        for position, value in items:
            told = {field: _at(value, path) for field, path in paths.items()}
            talk, why = talked(_talk, told)
            provider, made = str(told.get("provider") or ""), str(told.get("id") or "")
            fidelity = "reconstructed" if told.get("stop") else "lossy"
            yield Taken([position], talk, fidelity, provider, day(told.get("date")), made, why)  # type: ignore[arg-type]


def _paths(told: str) -> dict[str, list[str | int]]:
    """The map as steps by field. Raises UsageError for one that cannot be meant."""
    found: dict[str, list[str | int]] = {}
    for each in filter(None, map(str.strip, told.split(","))):
        field, _, path = each.partition("=")
        if field not in FIELDS:
            raise unknown("field", field, FIELDS)
        if not PATH.fullmatch(path):
            raise UsageError(f"'{path}' is no path", f"write it like --map {field}=$.input.text or $.choices[0].text")
        found[field] = [name or int(at) for name, at in STEP.findall(path.removeprefix("$"))]
    if not ({"messages"} & set(found) or {"prompt", "completion"} <= set(found)):
        what = "the map names neither `messages` nor `prompt` and `completion`"
        raise UsageError(what, "for example: --map prompt=$.input --map completion=$.output")
    return found


def _at(value: Any, path: list[str | int]) -> Any:
    """What stands at a path, None for nothing."""
    for step in path:
        value = opened(value)
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _talk(told: Mapping[str, Any]) -> Talk:
    messages: list[Message] = []
    if told.get("system"):
        messages.append({"role": "system", "content": told["system"]})
    asked = opened(told.get("messages")) or []
    if not isinstance(asked, list):
        raise Odd("messages that are no list")
    messages += asked
    if told.get("prompt"):
        messages.append({"role": "user", "content": told["prompt"]})
    answer = told.get("completion")
    if answer is None and asked:
        answer = messages.pop()
    if not answer or not messages:
        raise Odd("a mapped field that is not there")
    said = {"content": answer} if isinstance(answer, str) else opened(answer)
    if said.get("role", "assistant") != "assistant":
        raise Odd("a conversation that does not end with an answer")
    return chat(
        messages, said, stop=str(told.get("stop") or "stop"), tools=opened(told.get("tools")), model=told.get("model")
    )
