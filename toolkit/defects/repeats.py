"""Rows that repeat others: to the letter, nearly, in other words, or with another answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import ClassVar

from toolkit.core.planting import Around, Row, Spoiled, Way
from toolkit.providers.typos import with_typo

NUMBER = re.compile(r"[0-9]+")
FILLERS = ("really", "just", "also", "please", "actually", "again")
NEAR = 0.75
REWORDED = (
    (r"(?i)\bhow do i\b", "what is the way to"),
    (r"(?i)\bhow can i\b", "what should I do to"),
    (r"(?i)\bcan you\b", "could you please"),
    (r"(?i)\bi want to\b", "I would like to"),
    (r"(?i)\bi need to\b", "I have to"),
    (r"(?i)\bwhat is\b", "could you tell me"),
    (r"(?i)\bwhat's\b", "please tell me"),
    (r"(?i)\btell me\b", "let me know"),
    (r"(?i)\bhow many\b", "what number of"),
    (r"(?i)\bhow much\b", "what amount of"),
    (r"(?i)\bgive me\b", "provide"),
    (r"(?i)\bshow me\b", "let me see"),
    (r"(?i)\bwrite\b", "compose"),
    (r"(?i)\bdescribe\b", "give a description of"),
    (r"(?i)\bexplain\b", "make clear"),
)


@dataclass(frozen=True, slots=True)
class ExactCopy:
    """The same row once more, as it is, in capitals, or with other blanks."""

    id: ClassVar[str] = "exact-copy"
    tests: ClassVar[str] = "exact-duplicate"

    def ways(self) -> Mapping[str, Way]:
        return {
            "as-it-is": lambda row, around: _copied(row, str),
            "capitals": lambda row, around: _copied(row, str.upper),
            "blanks": lambda row, around: _copied(row, lambda text: f" {text.replace(' ', '  ', 2)} "),
        }


def _copied(row: Row, change: Callable[[str], str]) -> Spoiled | None:
    """A further row with its prompt changed and without the id of the first."""
    found = row.edit("prompt", change, adds=True)
    # Letters such as the German sharp s have no single capital: what comes back is then another text.
    return found if found and change(row.prompt).lower().split() == row.prompt.lower().split() else None


@dataclass(frozen=True, slots=True)
class NearCopy:
    """The same row with a typo, two words swapped or a word more, still near: a shingle Jaccard of .75 and over."""

    id: ClassVar[str] = "near-copy"
    tests: ClassVar[str] = "near-duplicate"

    def ways(self) -> Mapping[str, Way]:
        return {name: partial(_nearly, change=change) for name, change in CHANGES.items()}


def _nearly(row: Row, around: Around, change: Callable[[str, Random], str]) -> Spoiled | None:
    """A change of few letters in a text that is long enough to stay near."""
    prompt = row.prompt
    changed = change(prompt, around.rng) if len(prompt.split()) > 2 else prompt
    if changed == prompt or _jaccard(f"{prompt} {row.answer}", f"{changed} {row.answer}") < NEAR:
        return None
    return row.edit("prompt", lambda _: changed, adds=True)


def _jaccard(one: str, other: str) -> float:
    """The share of five-letter pieces that two texts have in common."""
    first, second = ({text.lower()[at : at + 5] for at in range(max(1, len(text) - 4))} for text in (one, other))
    return len(first & second) / len(first | second)


def typo(text: str, rng: Random) -> str:
    return with_typo(text, rng)


def swapped(text: str, rng: Random) -> str:
    """Two words that follow each other, exchanged."""
    words = text.split(" ")
    at = rng.randrange(len(words) - 1) if len(words) > 1 else 0
    words[at : at + 2] = reversed(words[at : at + 2])
    return " ".join(words)


def filled(text: str, rng: Random) -> str:
    """A word more that changes nothing."""
    words = text.split(" ")
    words.insert(rng.randrange(len(words)) + 1, rng.choice(FILLERS))
    return " ".join(words)


def other_numbers(text: str, rng: Random) -> str:
    """The same words around other numbers, as many digits each."""

    def other(match: re.Match[str]) -> str:
        low = 10 ** (len(match.group()) - 1)
        return str(low + (int(match.group()) - low + rng.randrange(1, 9 * low)) % (9 * low))

    return NUMBER.sub(other, text) if all(len(each) < 12 for each in NUMBER.findall(text)) else text


CHANGES: Mapping[str, Callable[[str, Random], str]] = {"typo": typo, "swapped-words": swapped, "filler": filled}


@dataclass(frozen=True, slots=True)
class Reworded:
    """The same request in other words, made by a few rules of rewording: a mild paraphrase."""

    id: ClassVar[str] = "reworded"
    tests: ClassVar[str] = "D03"

    def ways(self) -> Mapping[str, Way]:
        return {"reworded": _reworded}


def _reworded(row: Row, around: Around) -> Spoiled | None:
    text = reworded(row.prompt)
    return row.edit("prompt", lambda _: text, adds=True) if text != row.prompt else None


def reworded(text: str) -> str:
    """A text with each turn of phrase that the rules know said in another way; as it is where they know none."""
    for pattern, words in REWORDED:
        text = re.sub(pattern, words, text)
    return text


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The same prompt once more with the label or the answer of another row."""

    id: ClassVar[str] = "contradiction"
    tests: ClassVar[str] = "conflict"

    def ways(self) -> Mapping[str, Way]:
        return {"other-label": _other_label, "other-answer": _other_answer}


def _other_label(row: Row, around: Around) -> Spoiled | None:
    other = around.other(lambda each: each.label_key and each.label != row.label)
    if other is None or row.label_key is None or other.label_key is None:
        return None
    return row.again(**{row.label_key: other.value[other.label_key]})


def _other_answer(row: Row, around: Around) -> Spoiled | None:
    other = around.other(lambda each: each.answer and each.answer != row.answer)
    return row.edit("answer", lambda _: other.answer, adds=True) if other and len(row.parsed.turns) < 4 else None
