"""Phone numbers, international and national.

Digits alone do not make a phone number: without a plus sign, an area code in brackets or the shape
of a dialling plan, words such as `call` or `fax` must stand nearby.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from toolkit.core.pii.spans import Span, preceded, words

_GROUPS = re.compile(
    r"(?a)(?<![\w+*=^%$€£<])(?<!\d[.,/-])(?<!\d )(?:\+|00)?\(?\d{1,5}\)?(?:[ .-]{0,1}\(?\d{1,5}\)?){1,7}"
    r"(?![\d=*^%])(?![.,/]\d)"
)
_WHOLE = re.compile(r"(?a)(?<![\w+*=^%$€£<])(?<!\d[.,/-])(?:\+|00)?\d{7,15}(?![\w=*^%])(?![.,/-]\d)")
_EXTENSION = re.compile(r"(?a)(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})(?!\w)", re.IGNORECASE)
_COUNTRY = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[1-368]|2[2-6]\d|29[0179]|35\d|37\d|38[0-35-79]"
    r"|42[0134]|50\d|59\d|67\d|68\d|69[0-2]|85[02356]|88[06]|96\d|97\d|99[2-8])"
)
_CODE = re.compile(rf"(?a)\+{_COUNTRY}|00{_COUNTRY}(?=[ .-])")
_NORTH_AMERICA = re.compile(r"(?a)(?:(?:\+?1|001)[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d([.-]))[2-9]\d\d[ .-]\d{4}\Z")
_AREA = re.compile(r"(?a)\(0?\d{2,4}\) ?\d{3,5}[ -]\d{3,4}\Z|\(\d{3}\) ?\d{3}-\d{4}\Z")
_TRUNK = re.compile(
    r"(?a)0[1-9](?:([ .])\d\d)(?:\1\d\d){3}\Z|0\d{2,4}[ -]\d{3,4} ?\d{3,4}\Z|0\d{3} \d{2} \d{2} \d{2}\Z"
    r"|0[5789]0-\d{4}-\d{4}\Z"
)
_SHORT = re.compile(r"(?a)\d\d[ -]\d\d[ -]\d\d\Z")
_NOT_PHONE = re.compile(
    r"(?a)(?:19|20)\d\d[.-]\d{1,2}[.-]\d{1,2}(?= |\Z)|\d{1,2}[.-]\d{1,2}[.-](?:19|20)?\d\d(?= |\Z)"
    r"|(?:19|20)\d\d[ -](?:19|20)\d\d\Z|\d{3}-\d\d-\d{4}\Z|\d(?:[ .-]\d){4,}\Z|97[89](?:-\d+){4}\Z"
)
_WORDS = words(
    "(?:tele)?phones?", "tel", "mobiles?", "cell(?:phone|ular)?", "fax", "call", "called", "calling", "dial", "sms",
    "text(?:s|ed|ing)? (?:me|us|him|her|them|to|at|on)", "whatsapp", "viber", "signal", "contact", "reach", "hotline",
    "helpline", "pager", "voicemail", "answering", "messages?", "registered", "t[eé]l[eé]phone", "telefon\\w*",
    "handy\\w*", "tel[eé]fono", "m[oó]vil", "portable", "celular", "电话\\w*", "手机\\w*", "電話\\w*", "携帯\\w*",
    "전화\\w*", "연락처",
)  # fmt: skip
_LABEL = re.compile(
    r"(?i)(?a:(?<![\w\[]))(?:phone|telephone|tel|mobile|cell|cellphone|fax|desk|office|home|work|direct|hotline|telefon|handy"
    r"|t[eé]l[eé]phone|tel[eé]fono|m[oó]vil|whatsapp|call(?: \w+)? (?:at|on))\.?"
    r"(?: (?:number|no\.?|nr\.?))?\s*(?:is|at|on)?[\s:#]{1,4}\Z"
)
_AFTER = re.compile(r"[ (-]{0,2}(?:office|fax|mobile|cell|phone|desk|tel)\b", re.IGNORECASE)
_OTHER = re.compile(
    r"(?i)(?<![\w\[])(?:order|invoice|ticket|tracking|account|serial|isbn|issn|case|ref(?:erence)?|id|zip|post ?code"
    r"|postal code|article|item|sku|part|model|version|booking|policy|card|ssn|npi"
    r"|medical record|mrn|licen[cs]e|passport)"
    r"(?: (?:number|no\.?|nr\.?|code|id))?\s*(?:is|was)?[\s:#=]{1,4}\Z"
)


def phones(text: str, start: int, end: int) -> Iterator[Span]:
    """Phone numbers in text[start:end] with their extensions."""
    for shape in (_GROUPS, _WHOLE):
        for match in shape.finditer(text, start, end):
            score = _score(text, match)
            if score:
                extension = _EXTENSION.match(text, match.end())
                yield Span(match.start(), extension.end() if extension else match.end(), "phone", score)


def _score(text: str, match: re.Match[str]) -> float:
    """How likely a group of digits is a phone number; 0 where nothing but digits speaks for it."""
    found = match.group()
    digits = re.sub(r"\D", "", found)
    if (
        not (7 if _SHORT.match(found) is None else 6) <= len(digits) <= 15
        or _NOT_PHONE.match(found)
        or len(set(digits)) < 3
        or not _closed(found)
    ):
        return 0.0
    if text[match.end() : match.end() + 1].isalpha() and not _EXTENSION.match(text, match.end()):
        return 0.0
    international = bool(_CODE.match(found)) and len(digits) >= 9
    if not international and preceded(text, match.start(), _OTHER, 40):
        return 0.0
    grouped = len(digits) < len(found)
    if preceded(text, match.start(), _LABEL, 40) and len(digits) >= (6 if grouped else 7):
        return 0.9
    if _AFTER.match(text, match.end()) and len(digits) >= (6 if grouped else 9):
        return 0.9
    return _unlabelled(text, match, digits, international)


def _unlabelled(text: str, match: re.Match[str], digits: str, international: bool) -> float:
    found = match.group()
    plan = _NORTH_AMERICA.match(found) or _AREA.match(found) or _TRUNK.match(found)
    extended = bool(_EXTENSION.match(text, match.end())) and len(digits) >= 7
    if preceded(text, match.start(), _WORDS) and (len(digits) > 9 or not digits.endswith("000")):
        grouped = len(digits) < len(found)
        return 0.85 if international or plan or extended else 0.7 * (len(digits) >= (7 if grouped else 9))
    if international:
        return 0.75
    return 0.6 if (plan and not _is_series(found)) or (extended and len(digits) >= 10) else 0.0


def _closed(found: str) -> bool:
    """Whether each bracket is closed: `(555) 010` is a number, `555) 010` is the end of a remark."""
    return found.count("(") == found.count(")") <= 2 and ")(" not in found


def _is_series(found: str) -> bool:
    """Whether the groups are a count such as 01 02 03 04 05."""
    groups = [int(group) for group in re.findall(r"\d+", found)]
    return len(groups) > 2 and len({right - left for left, right in pairwise(groups)}) == 1
