"""Rows of a reference, such as a held-out set or a benchmark, that got into the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from toolkit.core.planting import Around, Row, Spoiled, Way
from toolkit.defects.repeats import filled, reworded, typo

LEAST = 20


@dataclass(frozen=True, slots=True)
class Leaked:
    """A row that carries the text of a held-out row: as it is, in capitals, with other blanks, with a slip."""

    id: ClassVar[str] = "leaked"
    tests: ClassVar[str] = "leak"

    def ways(self) -> Mapping[str, Way]:
        return {
            "as-it-is": lambda row, around: _taken(around, lambda text, _: text),
            "capitals": lambda row, around: _taken(around, lambda text, _: text.upper()),
            "blanks": lambda row, around: _taken(around, lambda text, _: f"  {text.replace(' ', '  ', 2)} "),
            "typo": lambda row, around: _taken(around, typo, least=60),
        }


def _taken(around: Around, change: Callable[[str, Random], str], *, least: int = LEAST) -> Spoiled | None:
    held = _held(around, lambda each: len(each.prompt) >= least)
    return None if held is None else held.edit("prompt", lambda text: change(text, around.rng), adds=True)


@dataclass(frozen=True, slots=True)
class Contaminated:
    """A question of a benchmark inside a longer text of the data, or in it with light edits."""

    id: ClassVar[str] = "contaminated"
    tests: ClassVar[str] = "L03"

    def ways(self) -> Mapping[str, Way]:
        return {
            "embedded": _embedded,
            "light-edit": lambda row, around: _taken(around, _lightly, least=60),
            "as-it-is": lambda row, around: _taken(around, lambda text, _: text),
        }


def _embedded(row: Row, around: Around) -> Spoiled | None:
    """The question between two sentences of another row."""
    held = _held(around, lambda each: len(each.prompt) >= 60)
    if held is None or len(row.prompt) < LEAST:
        return None
    return row.edit("prompt", lambda text: f"{text}\n\nHere is another one. {held.prompt}\n\nAnswer both, please.")


def _lightly(text: str, rng: Random) -> str:
    return filled(typo(reworded(text), rng), rng)


@dataclass(frozen=True, slots=True)
class LeakedInOtherWords:
    """A held-out row in other words among the data."""

    id: ClassVar[str] = "leaked-reworded"
    tests: ClassVar[str] = "L02"

    def ways(self) -> Mapping[str, Way]:
        return {"reworded": lambda row, around: _in_other_words(around)}


def _in_other_words(around: Around) -> Spoiled | None:
    held = _held(around, lambda each: len(each.prompt) >= LEAST and reworded(each.prompt) != each.prompt)
    return None if held is None else held.edit("prompt", reworded, adds=True)


def _held(around: Around, fits: Callable[[Row], bool]) -> Row | None:
    """A random row of the reference that fits; None after forty that do not."""
    return around._replace(others=around.held).other(fits)
