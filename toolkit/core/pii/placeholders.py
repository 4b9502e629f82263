"""A row with what was found in it replaced by placeholders: one number for one value, as far as the row goes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from toolkit.core.pii import strings
from toolkit.core.pii.spans import Span

Find = Callable[[str], Sequence[Span]]
ROUNDS = 8
_WORD_ENDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+")
_PLACED = re.compile(r"\[([A-Z0-9_]+)_(\d+)\]")


class Redacted(NamedTuple):
    """A row's JSON without what was found. counts: distinct values replaced, by type."""

    raw: str
    counts: Counter[str]


def redact(raw: str, text_of: Callable[[str], str], find: Find) -> Redacted:
    """The row's JSON with every found value replaced wherever it stands in a string, keys untouched.

    text_of: a row's JSON to the text that checks read. What is left is looked at again until nothing
    is found, since a value can hide another. Where a value outlives that, as across an escape of JSON
    inside a string, it goes at the price of that JSON. What stands only in a key or a number stays.
    """
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for turn in range(ROUNDS):
        values = _values(raw, text_of(raw), find)
        if not values:
            break
        taken = _taken(raw)
        for value, kind in values.items():
            _name(value, kind, names, counts, taken)
        wanted = {value: names[_same(value)] for value in values}
        gentle = turn < ROUNDS // 2
        changed = strings.mapped(raw, _replacer(wanted, bounded=gentle), opened=gentle)
        if changed == raw and not gentle:
            break
        raw = changed
    return Redacted(raw, counts)


def lines(raw: str, text: str = "") -> str:
    """The strings of a row's JSON that do not stand in `text`, each behind its key, one under the other.

    The key is context, its words alone: `"phoneNumber": "555 0100"` is a phone number because of it.
    """
    found = [
        f"{_WORD_ENDS.sub(' ', key).strip()}: {value}"
        for key, value in strings.named(raw)
        if value and value not in text
    ]
    return "\n".join(dict.fromkeys(found))


def _values(raw: str, text: str, find: Find) -> dict[str, str]:
    """Found values and their types, in order of appearance: first in the text, then in the other strings."""
    found: dict[str, str] = {}
    for part in (text, lines(raw)):
        for span in find(part):
            found.setdefault(part[span.start : span.end], span.type)
    return found


def _taken(raw: str) -> dict[str, int]:
    """The highest number in use by placeholder name, so that a row can be redacted again."""
    highest: dict[str, int] = {}
    for name, number in _PLACED.findall(raw):
        highest[name] = max(highest.get(name, 0), int(number[:9]))
    return highest


def _name(value: str, kind: str, names: dict[str, str], counts: Counter[str], taken: dict[str, int]) -> None:
    key = _same(value)
    if key not in names:
        label = kind.upper().replace("-", "_")
        counts[kind] += 1
        taken[label] = taken.get(label, 0) + 1
        names[key] = f"[{label}_{taken[label]}]"


def _same(value: str) -> str:
    """What two spellings of one value share: `555 0100` and `555-0100`, `A@b.org` and `a@b.org`."""
    folded = value.casefold()
    return re.sub(r"[\s().-]", "", folded) if "@" not in folded and "/" not in folded else folded


def _replacer(wanted: dict[str, str], *, bounded: bool) -> Callable[[str], str]:
    """A function that puts each placeholder where its value stands, not inside a longer word where `bounded`."""
    alternatives = "|".join(re.escape(value) for value in sorted(wanted, key=len, reverse=True))
    edges = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])") if bounded else ("", "")
    pattern = re.compile(f"{edges[0]}(?:{alternatives}){edges[1]}")
    return lambda text: pattern.sub(lambda match: wanted[match.group()], text)
