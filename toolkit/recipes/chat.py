"""Conversations of several turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toolkit.core.request import Conversation, GeneratedRow, Seed
from toolkit.core.types import JSON
from toolkit.recipes.asking import ABOUT, SPOKEN, SYSTEM, ask, faulty

PROMPT = f"""\
Write {{{{ rows }}}} different conversations between a user and an assistant of the kind "{{{{ label }}}}"\
{{% if description %}}: {{{{ description }}}}{{% endif %}}.
Each has {{{{ turns }}}} messages, user and assistant in turn, the user first and the assistant last. Later messages \
build on earlier ones: the user corrects, asks on or changes their mind, and the assistant remembers what was said.
{ABOUT}\
Answer with a JSON list of {{{{ rows }}}} conversations, each a list of objects with "role" and "content", and \
nothing else."""
ROLES = {"human": "user", "gpt": "assistant", "ai": "assistant", "bot": "assistant", "model": "assistant"}


@dataclass(frozen=True, slots=True)
class Chat:
    """`{"messages": [...]}` rows of several turns; the labels of the recipe are the kinds of conversation.

    turns: messages of a conversation, even, from 2. instructions: a system message that every row begins with.
    Proof: the turns alternate, none is empty, and as many are there as were asked for; what they say is
    for a `judge`.
    """

    id: ClassVar[str] = "chat"
    version: ClassVar[str] = "1"
    proof: ClassVar[str] = "turns alternate and are as many as asked for; with `judge`, what they say"
    gates: ClassVar[Mapping[str, Mapping[str, Any]]] = {"verify": {"use": SPOKEN}}
    kinds: ClassVar[Mapping[str, str]] = {
        "help": "someone solves a problem step by step",
        "explore": "someone learns about a subject and asks on",
        "correct": "someone was misunderstood, or changes what they want",
    }

    labels: Mapping[str, str] = field(default_factory=dict)
    prompt: str = PROMPT
    system: str = SYSTEM
    personas: Sequence[str] = ()
    verbalized: bool = False
    turns: int = 6
    instructions: str = ""

    def cook(self, seed: Seed) -> Conversation:
        def row(item: Any, seed: Seed, nth: int) -> GeneratedRow:
            return self._row(item, seed.cell.label)

        return ask(self, seed, row, turns=self.turns)

    def _row(self, item: Any, label: str) -> GeneratedRow:
        told = _turns(item)
        fault = _fault(told, self.turns)
        if fault:
            return faulty(item, label, fault)
        messages: list[JSON] = [{"role": each["role"], "content": each["content"]} for each in told]
        said = "\n".join(each["content"] for each in told if each["role"] == "user")
        system: list[JSON] = [{"role": "system", "content": self.instructions}] if self.instructions else []
        return GeneratedRow({"messages": [*system, *messages]}, said, label)


def _turns(item: Any) -> Any:
    """The messages of an item in the words of a row, whatever its list is called; a system message stands in the
    recipe, if anywhere. What is no list of messages comes back as it is."""
    lists = [each for each in item.values() if isinstance(each, list)] if isinstance(item, Mapping) else [item]
    if len(lists) != 1 or not isinstance(lists[0], list) or not all(isinstance(each, Mapping) for each in lists[0]):
        return item
    named = [{str(name).lower(): value for name, value in each.items()} for each in lists[0]]
    told = [
        {"role": _role(each.get("role", each.get("from"))), "content": each.get("content", each.get("value"))}
        for each in named
    ]
    return told[1:] if told and told[0]["role"] == "system" else told


def _role(said: Any) -> str:
    name = str(said).strip().lower()
    return ROLES.get(name, name)


def _fault(told: Any, turns: int) -> str:
    """Why this is no conversation, or an empty text."""
    if not isinstance(told, list) or not all(isinstance(each, Mapping) for each in told):
        return "is no list of messages"
    roles = [each.get("role") for each in told]
    if roles != [("user", "assistant")[nth % 2] for nth in range(len(roles))] or len(roles) % 2:
        return "does not go from user to assistant in turn"
    if len(roles) != turns:
        return f"has {len(roles)} messages, not {turns}"
    empty = any(not isinstance(each.get("content"), str) or not each["content"].strip() for each in told)
    return "holds an empty message" if empty else ""
