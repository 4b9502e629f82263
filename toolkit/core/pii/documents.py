"""What only its words tell: driving licences, passports, medical record numbers, dates of birth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolkit.core.pii.spans import Span

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    r"\d{1,2}[./-]\d{1,2}[./-](?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? (?:19|20)\d\d|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d"
)
_NUMBER = r"(?:[ \t]*(?:number|num|no|nr|id|#)\b\.?)?"
_LINK = r"[^.!?\w]{0,6}(?:(?:is|was|of|on|with)\b[^.!?\w]{0,4})?(?:number\b[^.!?\w]{0,4})?"
_KINDS: tuple[tuple[str, re.Pattern[str], float], ...] = tuple(
    (name, re.compile(rf"(?ia)(?<![\w\[])(?:{label}){_NUMBER}{_LINK}({value})(?![\w])"), score)
    for name, label, value, score in (
        (
            "driver-license",
            r"driv(?:er|ing)(?:['’]?s['’]?|s)?[ \t](?:licen[cs]e|permit)|(?-i:DLN?)(?=[ \t]*(?:number|no|#|:))",
            r"(?=[a-z0-9-]{0,18}\d[a-z0-9-]{0,8}\d{2})[a-z]{0,5}[\d*-]{3,16}[a-z0-9]{0,6}",
            0.9,
        ),
        ("passport", r"passport", r"[a-z]{0,2}\d{6,9}[a-z]?|(?-i:[CFGHJK][0-9CFGHJKLMNPRTVWXYZ]{8})", 0.9),
        ("medical-record", r"mrn|medical record", r"[a-z]{0,3}-?\d{5,12}", 0.9),
        (
            "birth-date",
            r"date of birth|birth ?dates?|d\.?o\.?b\.?|(?:my|his|her|their) birthday|(?:i was|i am) born"
            r"|geburtsdatum|geboren am|fecha de nacimiento|date de naissance|née? le"
            r"|data di nascita|data de nascimento",
            _DATE,
            0.8,
        ),
    )
)
_HINTS = ("licen", "permit", "dl", "passport", "mrn", "medical", "birth", "dob", "d.o.b", "born", "geb", "nacim",
          "naiss", " le ", "nasci")  # fmt: skip


def documents(text: str) -> Iterator[Span]:
    """Numbers and dates that stand right behind the words that say what they are."""
    lower = text.lower()
    if any(hint in lower for hint in _HINTS):
        for name, pattern, score in _KINDS:
            for match in pattern.finditer(text):
                yield Span(match.start(1), match.end(1), name, score)
