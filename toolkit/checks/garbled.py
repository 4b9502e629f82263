"""Q04: text that something broke on its way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Finding, Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

# UTF-8 read as Latin-1 or Windows-1252: letters and signs that follow each other in no language. A closing
# quote after a capital A with tilde is left out, because Portuguese writes it.
MOJIBAKE = (
    r"â€[™œ“”˜¢¦\x{80}-\x{9f}]|â\x{80}[\x{80}-\x{bf}]|Ã[\x{80}-\x{9f}¡-º¼-¿€‚ƒ„†‡ˆ‰Š‹ŒŽ˜™š›œžŸ]"
    r"|Â[\x{80}-\x{9f}\x{a0}¡-¿]|ï»¿|ï¿½|[ÐÑ][\x{80}-\x{bf}‚ƒ„…†‡‰‹Œ€™][ÐÑ][\x{80}-\x{bf}‚ƒ„…†‡‰‹Œ€™]"
    r"|[ã-é][\x{80}-\x{9f}¡-¿]{2}"
)
REPLACED = r"\x{fffd}"
# White space, form feed and the escape of terminals are written on purpose.
CONTROL = r"[\x{00}-\x{08}\x{0b}\x{0e}-\x{1a}\x{1c}-\x{1f}\x{7f}]"
TAG = (
    r"</?(?:p|br|div|span|font|b|i|strong|em|ul|ol|li|td|th|tr|table|tbody|h[1-6]|a|img|blockquote|center|hr|cite|ref)"
    r"(?:\s+[\w-]+\s*=[^<>]*)?\s*/?>"
)
ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|ldquo|rdquo|lsquo|rsquo|mdash|ndash|hellip|#[0-9]{2,6}|#x[0-9a-fA-F]{2,6});"
CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
DOCUMENT = re.compile(
    r"(?i)<!doctype|</?(?:html|head|body|script|style|form|input|button|svg|template|meta)\b|\bclass\s*="
)
ABOUT_MARKUP = re.compile(
    r"(?i)\bhtml|\bxml|\btags?\b|markup|web ?(?:page|site)|\bcss\b|javascript|\bjsx?\b|\bphp\b"
    r"|<\w+[^<>]*>|&\w+;|网页|标签"
)
LETTER = re.compile(r"[^\W\d_]")
CELL_BREAK = re.compile(r"(?m)^[ \t]*\|.*\|[ \t]*$")


@dataclass(frozen=True, slots=True)
class Garbled:
    """A model copies what is broken in its answers: loops, wrong encodings, markup that was left over.

    Found in answers and plain text: a stretch of letters that follows itself at least four times over
    60 bytes, or three times where it has 100 and more (`loop`, surer where it is most of the text or its
    end), and tags and entities of HTML outside code where nobody spoke of markup (`html`). Found in every
    turn: UTF-8 that was read as Latin-1 (`mojibake`: a curly quote as three letters), U+FFFD, which stands
    for what was lost, and NUL and other control characters that no one types (`control-character`).

    Review items: a song repeats its refrain, and a bug report quotes broken text. Missed: loops that
    change with every copy, such as a numbered list without end, and loops of digits or punctuation.
    Example: `I am sure. I am sure. I am sure. I am sure. ...`
    """

    id: ClassVar[str] = "garbled"
    code: ClassVar[str] = "Q04"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns",)

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        content, owners = cols.turn_field(batch, "content"), cols.turn_rows(batch)
        if not len(content):
            return
        yield from _encoding(content, owners)
        wanted = pc.is_in(cols.turn_field(batch, "role"), value_set=pa.array(["assistant", "text"]))
        at = np.flatnonzero(wanted.to_numpy(zero_copy_only=False))
        texts = content.take(pa.array(at))
        yield from _loops(texts, owners[at])
        yield from _markup(texts, at, content, owners)


def _hits(texts: pa.Array, pattern: str) -> np.ndarray:
    return np.flatnonzero(cols.matches(texts, pattern))


def _encoding(content: pa.Array, owners: np.ndarray) -> Iterator[Result]:
    odd = _hits(content, CONTROL)
    if len(odd):
        yield Findings(
            np.unique(owners[odd]), 0.8, "NUL or another control character stands in it", "control-character"
        )
    wide = pc.fill_null(pc.invert(pc.string_is_ascii(content)), False)
    some, rows = content.filter(wide), owners[wide.to_numpy(zero_copy_only=False)]
    for kind, pattern, message in (
        ("mojibake", MOJIBAKE, "UTF-8 that was read in another encoding"),
        ("replacement-character", REPLACED, "U+FFFD stands where a character was lost"),
    ):
        hit = _hits(some, pattern) if len(some) else np.zeros(0, np.int64)
        if len(hit):
            yield Findings(np.unique(rows[hit]), 0.9, message, kind)


def _loops(texts: pa.Array, owners: np.ndarray) -> Iterator[Finding]:
    from toolkit.near.repeats import BETWEEN, loops

    found = loops(texts)
    told: set[int] = set()
    for at in np.flatnonzero(found.period).tolist():
        raw = texts[at].as_py().encode()
        start, period, run = int(found.start[at]), int(found.period[at]), int(found.run[at])
        unit = raw[start : start + period].decode(errors="ignore")
        row = int(owners[at])
        if LETTER.search(unit) and row not in told:
            told.add(row)
            score = _loop_score(raw, start, period + run)
            copies = (run + min(BETWEEN, period // 8)) // period + 1
            yield Finding(row, score, f"{copies} copies of a stretch follow each other", kind="loop")


def _loop_score(raw: bytes, second: int, length: int) -> float:
    """Most of the text, or its end, is a model that ran in circles; a table of code may repeat by right."""
    before = raw[:second].decode(errors="ignore")
    if before.count("```") % 2:
        return 0.4
    ends = len(raw) - (second + length) < 40
    return 0.9 if length * 2 > len(raw) or ends else 0.6


def _markup(texts: pa.Array, at: np.ndarray, content: pa.Array, owners: np.ndarray) -> Iterator[Finding]:
    told: set[int] = set()
    for hit in _hits(texts, f"{TAG}|{ENTITY}").tolist():
        turn = int(at[hit])
        row = int(owners[turn])
        text = CODE.sub(" ", CELL_BREAK.sub(" ", texts[hit].as_py()))
        kind = next((name for name, pattern in (("tag", TAG), ("entity", ENTITY)) if re.search(pattern, text)), None)
        if kind is None or row in told or DOCUMENT.search(text):
            continue
        told.add(row)
        before = _before(content, owners, turn)
        score = 0.3 if any(ABOUT_MARKUP.search(each) for each in before) else 0.7
        yield Finding(row, score, f"an HTML {kind} outside code", kind="html")


def _before(content: pa.Array, owners: np.ndarray, turn: int) -> list[str]:
    """The turns of the same row before this one."""
    first = int(np.searchsorted(owners, owners[turn]))
    return [text or "" for text in content[first:turn].to_pylist()]
