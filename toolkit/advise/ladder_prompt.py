"""The prompts of the ladder, what counts as an answer in the shape asked for, and what is wrong with a prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from toolkit.core.request import Message, Request
from toolkit.core.types import JSON

LONG = 1_000
BYTES_A_TOKEN = 4
DESCRIBED = 8
PLAIN = "Name the class of the text that the user sends. Answer with the name of one class, and nothing else."
FREE = "Answer the request of the user. Give the answer alone."
OPPOSED = (
    ("be brief", r"\b(?:brief|concise|short|succinct)\b",
     "be thorough", r"\b(?:thorough|detailed|in detail|at length)\b"),
    ("answer in JSON", r"\bjson\b", "answer in prose", r"\b(?:plain text|markdown|in prose|no json)\b"),
    ("the answer alone", r"\b(?:nothing else|label only|only the (?:label|class|name)|no explanation)\b",
     "explain it", r"\b(?:explain (?:your|why|the)|step by step|give (?:your )?reasons)\b"),
)  # fmt: skip
ALWAYS = re.compile(r"\b(?:always|must)\s+(?!not\b)(\w+(?: \w+)?)", re.I)
NEVER = re.compile(r"\b(?:never|must not|do not|don't)\s+(\w+(?: \w+)?)", re.I)


class Shot(NamedTuple):
    """A train row that is shown."""

    text: str
    label: str


class Form(NamedTuple):
    """How the prompt of a step is made.

    system: the words before the classes, which `listed` adds. described: a line by class, or empty.
    constrained: the answer is held to a JSON schema of the classes.
    """

    system: str
    classes: tuple[str, ...]
    listed: bool = True
    described: Mapping[str, str] = {}
    constrained: bool = False

    def asked(self, text: str, shots: Sequence[Shot] = ()) -> Request:
        """The request for one row; the shots stand before it as turns, the most similar last."""
        turns = [Message("system", self.prompt())]
        for shot in shots:
            turns += [Message("user", shot.text), Message("assistant", self._said(shot.label))]
        schema = _schema(self.classes) if self.constrained else None
        return Request(messages=(*turns, Message("user", text)), schema=schema)

    def prompt(self) -> str:
        """The system prompt, with the classes where the user's own does not name them."""
        if not self.listed and not self.described:
            return self.system
        lines = (
            f"- {name}: {self.described[name]}" if name in self.described else f"- {name}" for name in self.classes
        )
        return "\n".join((self.system, "", "The classes:", *lines))

    def answer(self, text: str) -> str | None:
        """The class that a reply names; None where it is not in the shape asked for. Case and blanks do not count."""
        said: object = text
        if self.constrained:
            try:
                said = json.loads(text)
            except ValueError:
                return None
            said = said.get("label") if isinstance(said, dict) else None
        if not isinstance(said, str):
            return None
        whole = [name for name in self.classes if name.strip() == said.strip()]
        near = [name for name in self.classes if name.strip().casefold() == said.strip().casefold()]
        return whole[0] if whole else near[0] if len(near) == 1 else None

    def _said(self, label: str) -> str:
        return json.dumps({"label": label}, ensure_ascii=False) if self.constrained else label


def describing(name: str, own: Sequence[str], classes: Sequence[str]) -> Request:
    """Ask for one line that says what belongs into a class, from train rows of it."""
    told = "\n".join(f"- {text}" for text in own[:DESCRIBED])
    words = (
        f"Texts are sorted into these classes: {', '.join(classes)}.\nTexts of the class {name}:\n{told}\n\n"
        f"Write one line of at most 25 words that says what belongs to {name}, and what does not though it looks so."
    )
    return Request(messages=(Message("user", words),))


def described(text: str) -> str:
    """The line in a reply: its first one with words, at most 300 characters."""
    return next((line.strip(" -*") for line in text.splitlines() if line.strip(" -*")), "")[:300]


def lint(prompt: str, classes: Sequence[str] = ()) -> Iterator[str]:
    """What is wrong with a system prompt, a sentence each: length, opposed orders, classes that it does not name.

    Tokens are taken as four bytes each. Opposed orders are found by a short list of English words and by
    `always X` beside `never X`; other contradictions are missed.
    """
    tokens = len(prompt.encode("utf-8", "replace")) // BYTES_A_TOKEN
    if tokens > LONG:
        yield f"the system prompt has about {tokens:,} tokens; over about {LONG:,} models stop following: cut it"
    for one, pattern, other, against in OPPOSED:
        if re.search(pattern, prompt, re.I) and re.search(against, prompt, re.I):
            yield f"the system prompt says both '{one}' and '{other}': keep one"
    never = {found.casefold() for found in NEVER.findall(prompt)}
    for order in sorted({found.casefold() for found in ALWAYS.findall(prompt)} & never):
        yield f"the system prompt says both to '{order}' and not to: keep one"
    missing = [name for name in classes if name.casefold() not in prompt.casefold()]
    if missing:
        yield f"the system prompt does not name {len(missing)} of {len(classes)} classes, such as {missing[0]}"


def _schema(classes: Sequence[str]) -> dict[str, JSON]:
    return {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": list(classes)}},
        "required": ["label"],
        "additionalProperties": False,
    }
