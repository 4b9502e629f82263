"""Recorded answers once more: a prompt that was asked before gets the reply that it got then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import orjson

from toolkit.core.errors import InputError
from toolkit.core.request import Cell, Declined, Reply, Request, Usage

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class ReplayProvider:
    """Answers from a file of JSON lines, matched by the whole prompt; nothing is sent anywhere.

    A line is a row with `messages` whose last one is the assistant's, as captured traces are written,
    or an event of a generation's journal. A prompt that was recorded several times gets the replies by
    turns, by the request's sample. One that was not is declined, and counts as dead.

    `replay:PATH` names the file, from the folder where the command runs. Every row says
    `source_kind: captured`.
    """

    id: ClassVar[str] = "replay"
    version: ClassVar[str] = "1"
    source_kind: ClassVar[str] = "captured"
    free: ClassVar[bool] = True
    reads_prompt: ClassVar[bool] = True
    per_call: ClassVar[int] = 5

    name: str
    _held: dict[str, list[Reply]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def model(self) -> str:
        """`replay:` and a digest of the file."""
        return f"replay:{hashlib.sha256(self._content()).hexdigest()[:16]}"

    def capacity(self, cell: Cell) -> None:
        """None: what is recorded is known by its prompt alone."""

    async def complete(self, request: Request) -> Reply:
        if not self._held:
            self._held.update(_recorded(self._content(), self.name))
        found = self._held.get(_digest(request.prompt()))
        if not found:
            raise Declined("no reply to this prompt was recorded")
        return found[request.seed.sample % len(found)]

    def _content(self) -> bytes:
        try:
            return Path(self.name).read_bytes()
        except OSError as failure:
            raise InputError(
                f"{self.name} cannot be read: {failure.strerror}", "name a file of recorded calls"
            ) from failure


def _recorded(content: bytes, name: str) -> dict[str, list[Reply]]:
    """Replies by the digest of their prompts. Raises InputError for a file that holds none."""
    found: dict[str, list[Reply]] = {}
    for prompt, reply in _pairs(content, name):
        found.setdefault(_digest(prompt), []).append(reply)
    if not found:
        raise InputError(f"{name} holds no recorded call", "a line needs `messages` that end with the assistant's")
    return found


def _pairs(content: bytes, name: str) -> Iterator[tuple[list[dict[str, str]], Reply]]:
    planned: dict[str, list[dict[str, str]]] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as failure:
            raise InputError(f"{name}, line {number} is not JSON", "mend or remove the line") from failure
        if not isinstance(row, dict):
            continue
        if row.get("e") == "planned":
            planned[row["key"]] = row["messages"]
        elif row.get("e") == "reply" and row["key"] in planned:
            yield planned[row["key"]], Reply(row["text"], row["model"], Usage(*row["usage"]), row["stop"])
        elif "messages" in row:
            yield from _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Iterator[tuple[list[dict[str, str]], Reply]]:
    """The prompt and reply of a captured row whose messages are all plain text."""
    messages = row["messages"]
    plain = isinstance(messages, list) and all(
        isinstance(each, dict) and each.get("role") in ROLES and isinstance(each.get("content"), str)
        for each in messages
    )
    if plain and len(messages) > 1 and messages[-1]["role"] == "assistant":
        lineage = row.get("lineage")
        model = str(lineage.get("model", "")) if isinstance(lineage, dict) else ""
        yield (
            [{"role": each["role"], "content": each["content"]} for each in messages[:-1]],
            Reply(messages[-1]["content"], model),
        )


def _digest(prompt: list[dict[str, str]]) -> str:
    return hashlib.sha256(orjson.dumps(prompt, option=orjson.OPT_SORT_KEYS)).hexdigest()
