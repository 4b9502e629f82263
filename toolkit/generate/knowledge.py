"""Knowledge against behaviour: whether a recipe teaches facts, which go out of date in weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.generate.recipe import Loaded

SHARE, LEAST = 0.2, 5
"""Rows with such facts from which it is said; a style has a price here and there, a price list has one in each row."""
FREE = ("instruction", "chat", "style", "preference", "evolve", "refusal-calibration")
"""Tasks whose answers come from the model that writes them; those of the others come from what the prompt holds."""
MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|Januar|Februar|März|Mai|Juni"
    "|Juli|Oktober|Dezember|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
HOUR = r"[0-2]?\d(?:[:.][0-5]\d)?"
FACTS: Mapping[str, re.Pattern[str]] = {
    "dates": re.compile(
        rf"(?i)\b(?:(?:19|20)\d\d-[01]\d-[0-3]\d|[0-3]?\d[./] ?[01]?\d[./] ?(?:19|20)\d\d"
        rf"|(?:{MONTHS}) [0-3]?\d(?:st|nd|rd|th)?, ?(?:19|20)\d\d"
        rf"|[0-3]?\d\.? (?:de )?(?:{MONTHS})(?: de)?,? (?:19|20)\d\d)\b"
    ),
    "prices": re.compile(
        r"(?i)(?:[$€£¥]|\b(?:USD|EUR|GBP|CHF))\s?\d|\b\d[\d.,]*\s?(?:€|USD\b|EUR\b|GBP\b|CHF\b|dollars?\b|euros?\b|pesos?\b)"
    ),
    "opening hours": re.compile(
        rf"(?i)\b{HOUR}\s?(?:[ap]\.?m\.?|uhr)?\s?(?:-|–|to|until|till|bis)\s?{HOUR}\s?(?:[ap]\.?m\b|uhr\b)"
        rf"|\bde {HOUR}(?: h)? (?:a|hasta)(?: las)? {HOUR} ?h\b"
    ),
    "versions": re.compile(r"(?i)\b(?:v|version |versión |release )\d+\.\d+(?:\.\d+)*\b"),
    "endpoints": re.compile(r"https?://[\w-]+\.\w|\b(?:GET|POST|PUT|DELETE) /\w|(?:^|[\s(`])/(?:api|v\d+)/\w"),
    "phone numbers": re.compile(r"(?<![\w.])(?:\+\d{1,3}[ /-]?|0)\d{2,5}[ /-]\d{3,}(?:[ /-]?\d{2,})*\b"),
}
NAMED = re.compile(
    r"(?i)\b(opening hours|business hours|price ?lists?|pric(?:es|ing)|tariffs|phone numbers?|endpoints?"
    r"|api (?:versions?|reference)|version numbers?|release dates?|öffnungszeiten|preislisten?|preise|tarife"
    r"|telefonnummern?|schnittstellen|versionsnummern?|precios|listas? de precios|tarifas"
    r"|horarios?(?: de (?:apertura|atención))?)\b"
)
FIX = (
    "facts go out of date in weights: put them into documents and retrieve them, or into the prompt (task grounded-qa)"
)


def facts(answer: str, prompt: str = "") -> list[str]:
    """The kinds of facts that an answer states; not those of which its prompt states some, from which they may come."""
    return [name for name, pattern in FACTS.items() if pattern.search(answer) and not pattern.search(prompt)]


def foreseen(loaded: Loaded) -> Iterator[str]:
    """What a recipe says of facts before anything is made: by its labels, and by its own rows."""
    if loaded.file.task not in FREE:
        return
    for label, means in loaded.file.labels.items():
        named = NAMED.search(f"{label.replace('_', ' ').replace('-', ' ')} {means}")
        if named:
            yield f"the label '{label}' is about {named[1].lower()}; {FIX}"
    seen = Stated()
    for row in loaded.rows():
        seen.add(row.answer or "", row.text)
    yield from seen.said("your seeds")


@dataclass(slots=True)
class Stated:
    """Rows counted, and those that state facts, by kind."""

    rows: int = 0
    stating: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, answer: str, prompt: str) -> None:
        found = facts(answer, prompt)
        self.rows += 1
        self.stating += bool(found)
        self.kinds.update(found)

    def take(self, row: Mapping[str, Any]) -> None:
        """Count a generated row by what the assistant says in it, as against all that stands before."""
        told = row.get("messages")
        if isinstance(told, list):
            said = [str(each.get("content", "")) for each in told if each.get("role") == "assistant"]
            asked = [str(each.get("content", "")) for each in told if each.get("role") != "assistant"]
            self.add("\n".join(said), "\n".join(asked))
            return
        self.add(str(row.get("completion", row.get("chosen", ""))), str(row.get("prompt", "")))

    def said(self, what: str) -> Iterator[str]:
        """A sentence where enough of them state facts."""
        if self.stating < LEAST or self.stating < SHARE * self.rows:
            return
        kinds = ", ".join(f"{name} in {count:,}" for name, count in self.kinds.most_common(3))
        yield f"{self.stating:,} of {self.rows:,} rows of {what} state facts ({kinds}); {FIX}"
