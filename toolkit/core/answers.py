"""The final answer that a text gives: behind `####`, in `\\boxed{}`, after "the answer is", or the last number."""

from __future__ import annotations

import re
from typing import NamedTuple

from toolkit.core.arithmetic import NUMBER, value_of
from toolkit.core.text import normal_text

TAIL = 2_000
FORMAL = re.compile(r"(?m)####\s*([^\n]{1,80})|^\s*A(?:nswer)?\s?:\s*([^\n]{1,80})|\\boxed\s?\{([^{}\n]{1,80})\}")
SPOKEN = re.compile(
    r"(?i)\b(?:final answer|(?:the|my|correct|right) (?:answer|result))\s*(?:is|=|:)\s*:?\s*([^\n]{1,80}?)"
    r"(?=[.;!]?\s*(?:\n|\Z)|[.;!]\s)"
)
FIGURE = re.compile(rf"[-−]?[$€£]?(?:{NUMBER})(?:\s?/\s?\d+)?\s?%?")
HINTS = ("####", "boxed", "answer", "result", "a:", "a :")
SHORT_WORDS = 5


class Final(NamedTuple):
    """value: the answer in normal form, a number as a fraction. numeric: whether it is one. said: announced as such."""

    value: str
    numeric: bool
    said: bool


def final_answer(text: str) -> Final | None:
    """The answer that a text comes to; None where it names none (a longer text without a number)."""
    said = announced(text)
    if said:
        return said[-1]
    if len(text) <= TAIL and 0 < len(text.split(None, SHORT_WORDS)) <= SHORT_WORDS:
        return _final(text, said=False)
    figures = FIGURE.findall(text[-TAIL:]) if "=" in text else ()
    return _final(figures[-1], said=False) if figures else None


def announced(text: str) -> list[Final]:
    """Every answer that a text announces, in order."""
    tail = text[-TAIL:]
    low = tail.lower()
    if not any(hint in low for hint in HINTS):  # most texts, at a tenth of the cost
        return []
    formal = [next(group for group in match.groups() if group is not None) for match in FORMAL.finditer(tail)]
    found = formal or SPOKEN.findall(tail)
    return [each for each in (_final(text, said=True) for text in found) if each is not None]


def times(text: str, value: str) -> int:
    """How often a number, in normal form, stands in a text."""
    return sum(str(value_of(each)) == value for each in re.findall(NUMBER, text))


def numbers(text: str) -> set[str]:
    """The numbers of a text in normal form."""
    found = (value_of(each) for each in re.findall(NUMBER, text))
    return {str(value) for value in found if value is not None}


def _final(text: str, *, said: bool) -> Final | None:
    plain = text.strip().strip("*_`$ ").rstrip(".!*_` ")
    figures = FIGURE.findall(plain)
    if len(figures) == 1 and len(plain.split()) <= 2 * SHORT_WORDS:
        value = value_of(figures[0].replace("−", "-").strip().rstrip("%"))
        if value is not None:
            return Final(str(value), True, said)
    plain = normal_text(plain)
    return Final(plain, False, said) if plain else None
