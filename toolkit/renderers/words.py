"""How values are put before a reader: numbers with separators, hostile text made inert and visible."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sized
from typing import Any, NamedTuple

CAP = 300
# Characters that act instead of showing: controls, bidi overrides, invisible fillers, halves of a
# pair. Joiners stay, because emoji and several scripts need them.
_ACTING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
# Marks piled on one letter run over the lines around it.
_PILE = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5,}")
_COMMAND = re.compile(
    r"(?<!the )(?<!this )(?<!\ba )\btoolkit [a-z]+(?:-[a-z]+)*"
    r"(?: (?:--?[a-z][\w-]*(?:[ =](?!--)[^\s;,]+)?|[A-Z][A-Z_]*\b|[^\s;,]*[/.][^\s;,]+|\"[^\"]*\"))*"
    r"|(?<![\w-])--[a-z][\w-]+"
)


class Piece(NamedTuple):
    """A stretch of a sentence. code: whether it is something to type."""

    text: str
    code: bool


def shown(value: object, cap: int = CAP) -> str:
    """A value as one line: at most `cap` characters of it, acting characters as `⟨U+202E⟩`, line ends as `⏎`."""
    return re.sub(r"\s*\n\s*", " ⏎ ", block(value, cap).strip())


def block(value: object, cap: int = CAP) -> str:
    """The same over several lines; what was cut is said at the end."""
    text = str(value)
    cut = f"… [{len(text):,} characters]" if len(text) > cap else ""
    text = text[:cap].replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return visible(text) + cut


def named(value: object, cap: int = CAP) -> str:
    """A name as one line; a blank one is said to be empty."""
    return shown(value, cap) or "(empty)"


def visible(text: str) -> str:
    """The text with its acting characters as `⟨U+202E⟩` and piles of marks cut; what is visible stays as it is."""
    return _PILE.sub(_few_marks, _ACTING.sub(_name, text))


def _few_marks(match: re.Match[str]) -> str:
    return f"{match.group()[:2]}⟨+{len(match.group()) - 2} marks⟩"


def _name(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"


def escaped_json(text: str) -> str:
    """JSON text with its acting characters as escapes: the same value, safe to print and to encode."""
    return _ACTING.sub(lambda match: _json_escape(ord(match.group())), text)


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def pieces(text: str) -> list[Piece]:
    """A sentence cut at the commands in it: `toolkit findings RUN --check leak` is to be typed."""
    found, at = [], 0
    for match in _COMMAND.finditer(text):
        end = match.start() + len(match.group().rstrip(".:"))
        found += [Piece(text[at : match.start()], False), Piece(text[match.start() : end], True)]
        at = end
    found.append(Piece(text[at:], False))
    return [piece for piece in found if piece.text]


def is_command(text: str) -> bool:
    """Whether all of a text is to be typed."""
    found = pieces(text)
    return len(found) == 1 and found[0].code


def count(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """A count in at most five characters: 9,999, then 12.3k, then 1.2M."""
    for least, size, unit in ((999_500, 1e6, "M"), (10_000, 1e3, "k")):
        if value >= least:
            scaled = value / size
            return (f"{scaled:.1f}" if scaled < 99.95 else f"{scaled:.0f}").removesuffix(".0") + unit
    return count(value)


def share(part: float, whole: float) -> str:
    """A percentage that never rounds something to nothing, or most to all; empty without a whole."""
    if whole <= 0:
        return ""
    percent = 100.0 * part / whole
    if 0 < percent < 0.1:
        return "<0.1 %"
    return ">99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %" if percent < 100 else "100 %"


def number(value: float) -> str:
    """A measured number: whole ones in full, others to four digits."""
    if value != value or value in (float("inf"), float("-inf")):
        return "not a number"
    return count(value) if value == int(value) and abs(value) < 1e15 else f"{value:,.4g}"


def points(gain: float) -> str:
    """Points of accuracy with one decimal."""
    return f"{gain:.1f} points"


def plural(n: int, word: str, words: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{n:,} {word if n == 1 else words or word + 's'}"


def width(text: str) -> int:
    """Columns that a text takes on a terminal: wide letters take two, combining marks none."""
    return sum(_columns(letter) for letter in text)


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fit(text: str, columns: int) -> str:
    """A text in exactly `columns` of a terminal: cut with an ellipsis, or filled up with blanks."""
    if width(text) > columns:
        while text and width(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


def beyond(found: Sized, cap: int) -> int:
    """How many of a list a cap leaves out."""
    return max(0, len(found) - cap)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "beyond": beyond,
    "block": block,
    "count": count,
    "named": named,
    "number": number,
    "pieces": pieces,
    "plural": plural,
    "points": points,
    "share": share,
    "shown": shown,
}
"""What the templates call these functions."""
