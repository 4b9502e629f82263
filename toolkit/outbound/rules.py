"""The rules of a profile held against one row at a time, and against the files as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from toolkit.core import turns
from toolkit.outbound.example import Example, Message, has_media
from toolkit.outbound.profile import Profile, Rule


class Row(NamedTuple):
    """What a row's rules look at. written: the exported row; tokens: counted or estimated."""

    example: Example
    written: Mapping[str, Any]
    tokens: int


class Broken(NamedTuple):
    """A rule that a row or a file breaks. refuse: the provider rejects it."""

    id: str
    words: str
    refuse: bool


class File(NamedTuple):
    """One exported file. part: train or a held-out part."""

    name: str
    part: str
    rows: int
    bytes: int


Look = Callable[[Rule, Row], str]
"""What is wrong with a row, in words; empty where nothing is."""


@dataclass(frozen=True)
class Watch:
    """The rules of a profile for one mode. exact: tokens are counted by the model's own tokenizer."""

    profile: Profile
    mode: str
    exact: bool = False

    @cached_property
    def rules(self) -> list[tuple[Rule, Look]]:
        return [(rule, LOOKS[rule.rule]) for rule in self.profile.of(self.mode) if rule.rule in LOOKS]

    @cached_property
    def counts_tokens(self) -> bool:
        return any(rule.rule == "tokens" for rule, _ in self.rules)

    def row(self, found: Row) -> Iterator[Broken]:
        """The rules that a row breaks. A row that is too long by an estimate is advice: the count is not known."""
        for rule, look in self.rules:
            words = look(rule, found)
            if words:
                yield Broken(rule.id, words, rule.refuse and (rule.rule != "tokens" or self.exact))

    def files(self, files: Sequence[File]) -> Iterator[Broken]:
        """The rules that the files break: counts over all files of a part, sizes and names of each."""
        for rule in self.profile.of(self.mode):
            if rule.rule in ("rows", "heldout-rows"):
                for part in dict.fromkeys(
                    file.part for file in files if (file.part == "train") == (rule.rule == "rows")
                ):
                    n = sum(file.rows for file in files if file.part == part)
                    yield from _counted(rule, n, part)
            for file in files:
                if rule.rule == "file-bytes" and rule.high is not None and file.bytes > rule.high:
                    yield Broken(rule.id, f"{file.name} has {file.bytes:,} bytes, over {rule.high:,}", rule.refuse)
                if rule.rule == "file-name" and not re.fullmatch(rule.pattern, file.name):
                    yield Broken(rule.id, f"the name {file.name} has characters that are not taken", rule.refuse)


def _counted(rule: Rule, n: int, part: str) -> Iterator[Broken]:
    if rule.low is not None and n < rule.low:
        yield Broken(rule.id, f"{n:,} rows of {part}, under {rule.low:,}", rule.refuse)
    if rule.high is not None and n > rule.high:
        yield Broken(rule.id, f"{n:,} rows of {part}, over {rule.high:,}", rule.refuse)


def _keys(rule: Rule, row: Row) -> str:
    odd = sorted(row.written.keys() - set(rule.words))
    return f"column {odd[0][:40]}" if odd else ""


def _characters(rule: Rule, row: Row) -> str:
    n = sum(len(_text(each)) for each in row.example.messages)
    return f"{n:,} characters" if rule.high is not None and n > rule.high else ""


def _tokens(rule: Rule, row: Row) -> str:
    return f"{row.tokens:,} tokens" if rule.high is not None and row.tokens > rule.high else ""


def _all(row: Row) -> list[Message]:
    return [*row.example.messages, *(row.example.rejected or ())]


def _text(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else turns.content_of(content)[0] or ""


def _roles(rule: Rule, row: Row) -> str:
    odd = next((each.get("role") for each in _all(row) if each.get("role") not in rule.words), "")
    return "" if odd == "" else f"role {str(odd)[:40]}"


def _starts(rule: Rule, row: Row) -> str:
    roles = [each.get("role") for each in row.example.messages]
    first = next((role for role in roles if role != "system"), None)
    return "" if first in rule.words else f"it starts with {str(first or 'nothing but a system turn')[:40]}"


def _ends(rule: Rule, row: Row) -> str:
    last = row.example.messages[-1].get("role") if row.example.messages else "nothing"
    return "" if last in rule.words else f"it ends with {last}"


def _prompt_ends(rule: Rule, row: Row) -> str:
    prompt, _ = row.example.prompt_and_answer()
    last = prompt[-1].get("role") if prompt else "nothing"
    return "" if last in rule.words else f"the prompt ends with {last}"


def _alternates(rule: Rule, row: Row) -> str:
    roles = [each.get("role") for each in row.example.messages if each.get("role") != "system"]
    twice = next((a for a, b in pairwise(roles) if a == b and a in ("user", "assistant")), None)
    return f"{twice} twice in a row" if twice else ""


def _system_first(rule: Rule, row: Row) -> str:
    late = any(each.get("role") == "system" for each in row.example.messages[1:])
    return "a system turn that is not the first" if late else ""


def _answers(rule: Rule, row: Row) -> str:
    n = sum(each.get("role") == "assistant" for each in row.example.messages)
    return f"{n} answers" if n < (rule.low or 1) else ""


def _one_answer(rule: Rule, row: Row) -> str:
    _, chosen = row.example.prompt_and_answer()
    sides = {"chosen": chosen, "rejected": row.example.rejected or []}
    for name, side in sides.items():
        if [each.get("role") for each in side] != ["assistant"]:
            return f"the {name} side is not one assistant message"
    return ""


def _blank(rule: Rule, row: Row) -> str:
    for each in _all(row):
        if not each.get("tool_calls") and not _text(each).strip() and not has_media(each.get("content")):
            return f"a blank {each.get('role')} turn"
    return ""


def _trained(rule: Rule, row: Row) -> str:
    answers = [each for each in row.example.messages if each.get("role") == "assistant"]
    return "every answer has weight 0" if answers and all(each.get("weight", 1) == 0 for each in answers) else ""


def _reserved(rule: Rule, row: Row) -> str:
    for each in row.example.messages:
        if each.get("role") in ("system", "user"):
            text = _text(each)
            for word in rule.words:
                if text.lstrip().startswith(word) if rule.where == "begins" else word in text:
                    return f"the reserved word {word} in a {each.get('role')} turn"
    return ""


def _tools(rule: Rule, row: Row) -> str:
    used = any(each.get("tool_calls") or each.get("role") == "tool" for each in _all(row))
    return "tools" if used or row.example.parsed.tools else ""


def _media(rule: Rule, row: Row) -> str:
    return "pictures or other media" if any(has_media(each.get("content")) for each in _all(row)) else ""


def _function_names(rule: Rule, row: Row) -> str:
    calls = [each["function"]["name"] for message in _all(row) for each in message.get("tool_calls") or ()]
    listed = [each["function"].get("name") or "" for each in row.example.tools or ()]
    odd = next((name for name in (*calls, *listed) if not re.fullmatch(rule.pattern, name)), None)
    return f"the function name {odd[:40]!r}" if odd is not None else ""


LOOKS: Mapping[str, Look] = {
    "keys": _keys,
    "characters": _characters,
    "tokens": _tokens,
    "roles": _roles,
    "starts-with": _starts,
    "ends-with": _ends,
    "prompt-ends-with": _prompt_ends,
    "alternate": _alternates,
    "system-first": _system_first,
    "answers": _answers,
    "one-answer": _one_answer,
    "text": _blank,
    "trained": _trained,
    "reserved": _reserved,
    "tools": _tools,
    "media": _media,
    "function-name": _function_names,
}
