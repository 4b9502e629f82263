"""Personal data by published shapes and check digits.

Nothing is found by its digits alone where chance would do as well: a number passes its scheme's
check digits, has a shape that little else has, or stands behind the words that say what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.core.pii import contact, documents, money, national, phone
from toolkit.core.pii.spans import Span, apart

FIRST = "|".join(
    f"(?:{pattern})"
    for pattern in (
        r"[^\s@]@[^\s@]",
        r"\d(?:[ ().\-]{0,2}\d){6}",
        r"\d{6}\\?[/+]\d{3}|\d\d[ -]\d\d[ -]\d\d",
        r"\d\.\d{1,3}\.\d{1,3}\.\d",
        r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){3}",
        r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){4}",
        r"(?i::\\?/\\?/|www\.)|[A-Za-z0-9]\.(?:com|org|net|edu|gov|info|biz|co\.[a-z]{2}|ac\.uk)",
        r"\d\d[A-Za-z]\d\d[A-Za-z]\d{3}",
        r"[A-Za-z]{2}[ -]?\d{2} ?[A-Za-z0-9]{2} ?\d{2}",
        r"[A-Z]\d{6}",
        r"[0-9A-Za-z]{26}",
        r"(?i:birth|d\.?o\.?b|born|geb(?:oren|urt)|naissance|nacimiento|nasci|passport|licen[sc]e|permit)[^0-9]{0,40}\d",
        r"(?i:medical record|mrn|n(?:é|\\u00[ce]9|e)e? le)[^0-9]{0,40}\d|DLN?[ \t\\]*(?i:number|no|#|:)",
    )
)
"""One RE2 pattern for a first look at a whole column of text or JSON: where it does not match, `find` finds nothing."""

_DIGITS = re.compile(r"(?a)[\d(+](?:[\d ().-]|[A-Z](?= ?\d)|(?<=\d{6})[/+](?=\d{3,4}))*+")
_SIX = re.compile(r"(?a)(?:\D*+\d){6}")
_LETTERED = re.compile(r"(?a)[A-Z](?<![A-Za-z0-9][A-Z])[A-Z]{0,4}+[ -]?\d")
_TAX_CODE = re.compile(r"(?a)\d\d[A-Za-z]\d\d[A-Za-z]\d{3}[A-Za-z]")


def find(text: str) -> list[Span]:
    """Every span of personal data in a text, in order, without overlaps. Cost: linear in the text."""
    return apart(_all(text))


def _all(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from contact.emails(text)
    if "." in text:
        yield from contact.links(text)
    yield from contact.addresses(text)
    yield from documents.documents(text)
    yield from money.ibans(text)
    yield from money.wallets(text)
    for match in _LETTERED.finditer(text):
        yield from national.starting(text, match.start())
    for match in _TAX_CODE.finditer(text):
        yield from national.starting(text, max(0, match.start() - 6))
    for match in _DIGITS.finditer(text):
        if match.end() - match.start() >= 6 and _SIX.match(match.group()):
            yield from _numbers(text, match.start(), match.end())


def _numbers(text: str, start: int, end: int) -> Iterator[Span]:
    """Cards, national numbers and phones in a run of digits. A scheme may add three letters: its end lies beyond."""
    beyond = min(len(text), end + 4)
    yield from money.cards(text, start, beyond)
    yield from national.within(text, start, beyond)
    yield from phone.phones(text, start, beyond)


__all__ = ["FIRST", "Span", "find"]
