"""JSON as RFC 8259 has it, and words for what is wrong when it is not.

orjson parses; what it lets pass in silence (a duplicate key, an integer turned into a float) is
found by a second, cheap look, and only lines that need it go to the slow parser of the standard
library.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

import orjson

LONG_NUMBER = re.compile(rb"[0-9]{16}")
CONTROL_NUL = b"\x00"


class Value(NamedTuple):
    """A parsed JSON text. faults: `duplicate-key` and `number-changed`, found beside the parse.

    canonical: the value's JSON with sorted keys and no spaces; it is what row ids are made of.
    """

    value: Any
    canonical: bytes
    faults: tuple[str, ...]


class Malformed(NamedTuple):
    """A text that is not JSON: a short code for grouping and a reason in words."""

    code: str
    reason: str


TOO_DEEP = Malformed("too-deep", "nested deeper than 254 levels")


def parse(text: bytes) -> Value | Malformed:
    """One JSON text, or why it is none. Never raises for any bytes; nesting beyond 254 levels is refused."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as failure:
        return _explain(text, failure)
    if LONG_NUMBER.search(text):
        return _exact(text, value)
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # its only cause for a value that orjson itself parsed
        return TOO_DEEP
    faults = ("duplicate-key",) if _quotes(text) != _quotes(canonical) else ()
    return Value(value, canonical, faults)


def written(value: Any, *, sort_keys: bool = False) -> bytes:
    """A value that `parse` gave as compact JSON, integers of any length to the digit; what JSON lacks as its text."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:  # an integer beyond 64 bits, which orjson does not write
        return json.dumps(value, default=str, sort_keys=sort_keys, ensure_ascii=False, separators=(",", ":")).encode()


def _quotes(text: bytes) -> int:
    """How many quotes delimit strings: those that a backslash does not escape."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return text.count(b'"')


def _exact(text: bytes, value: Any) -> Value | Malformed:
    """A text with long numbers: integers keep every digit, a float that cannot is a fault."""
    faults: list[str] = []

    def number(digits: str) -> float:
        read = float(digits)
        if math.isinf(read) or _digits(repr(read)) != _digits(digits):
            faults.append("number-changed")
        return read

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            faults.append("duplicate-key")
        return found

    try:
        value = json.loads(text, parse_float=number, parse_int=_integer, object_pairs_hook=pairs)
        canonical = written(value, sort_keys=True)
    except (ValueError, RecursionError) as failure:
        return Malformed("number", f"a number is beyond what can be read exactly: {failure}")
    return Value(value, canonical, tuple(dict.fromkeys(faults)))


def _integer(digits: str) -> int:
    if len(digits) > 4000:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _digits(number: str) -> tuple[str, int]:
    """A decimal's significant digits and exponent, so that 1.50e2 and 150.0 compare equal."""
    mantissa, _, exponent = number.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("+-").partition(".")
    digits = (whole + fraction).lstrip("0")
    scale = int(exponent or 0) - len(fraction)
    stripped = digits.rstrip("0")
    return stripped, (scale + len(digits) - len(stripped)) if stripped else 0


def _explain(text: bytes, failure: orjson.JSONDecodeError) -> Malformed:
    """Why a text is not JSON, in words of what most likely happened to it."""
    if not text.strip():
        return Malformed("blank", "blank line")
    if text.count(CONTROL_NUL):
        return Malformed("nul", f"NUL byte at byte {text.index(CONTROL_NUL) + 1}")
    try:
        words = text.decode("utf-8")
    except UnicodeDecodeError as broken:
        return Malformed("not-utf8", f"not UTF-8 at byte {broken.start + 1} (0x{text[broken.start]:02x})")
    if "surrogate" in failure.msg:
        return Malformed("lone-surrogate", f"half of a \\u surrogate pair at character {failure.pos + 1}")
    if "depth limit" in failure.msg:
        return TOO_DEEP
    return _syntax(words, failure)


def _syntax(words: str, failure: orjson.JSONDecodeError) -> Malformed:
    where = f"at character {failure.pos + 1}"
    if "infinity" in failure.msg:
        return Malformed("number", f"a number beyond the range of a double {where}")
    rest = words[failure.pos :].lstrip()
    if re.match(r"-?(NaN|Infinity)\b", words[max(0, failure.pos - 1) :].lstrip("-: \t")):
        return Malformed("nan", f"NaN or Infinity {where}; JSON has no such number")
    if words.lstrip()[:1] == "<":
        return Malformed("markup", "markup, not JSON: it looks like a web page")
    if re.match(r"\s*[{\[]\s*'", words):
        return Malformed("single-quotes", "single quotes; it looks like a Python literal, not JSON")
    before = words[: failure.pos].rstrip()
    if "trailing comma" in failure.msg or (rest[:1] in ("}", "]") and before.endswith(",")):
        return Malformed("trailing-comma", f"a comma too many {where}")
    if rest[:1] in ("{", "[") and before.endswith(("}", "]")):
        return Malformed("concatenated", f"a second JSON value on the same line {where}")
    if not rest or "EOF" in failure.msg or "unexpected end" in failure.msg:
        return Malformed("truncated", f"the text ends before its JSON does, {where}")
    return Malformed("syntax", f"not JSON {where}: {failure.msg.split(':')[0]}")
