"""Secrets by their published shapes, and text with them masked.

A pattern is kept only if its prefix or structure makes a chance match unlikely; a bare word after
`password:` is reported with a low score, because documentation is full of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import NamedTuple

from toolkit.core import pii
from toolkit.core.secret_shapes import SHAPES, Shape, first_look, loosened


class Secret(NamedTuple):
    """A span of text that looks like a credential. score: how sure its shape alone makes it, 0 to 1."""

    start: int
    end: int
    type: str
    score: float


_NAMES = (
    r"api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?|(?:access|auth|api|bearer|bot|refresh)[_-]?token|client[_-]?secret"
    r"|passwd|password|passphrase|pwd"
)
_QUOTE = r"(?:\\{0,3}[\"'])?"
_NAME_OF = rf"(?:\b|[_-]|\\[nrt])(?:{_NAMES}){_QUOTE}(?:\s{{0,3}}(?:=>|=|:)|\s+is)\s{{0,3}}{_QUOTE}"
ASSIGNED = rf"(?i:{_NAME_OF})([^\s\"',;<>{{}}()\[\]\\]{{8,128}})"
_SCHEMES = rf"authorization{_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE}(?:bearer|basic|token|ssws)\s+"
HEADER = rf"(?i:{_SCHEMES})([A-Za-z0-9._~+/=-]{{16,1024}})"
ANY = f"{first_look()}|{loosened(f'(?:{ASSIGNED})|(?:{HEADER})')}"
"""One RE2-compatible pattern for a first look at a whole column, of texts or of rows as JSON."""

_COMPILED = tuple((each, re.compile(each.pattern)) for each in SHAPES)
_KEY_END = re.compile(r"-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")
# What stands between a key's first and last line, line breaks also as JSON writes them; where it is
# cut off, words that follow are no part of it.
_KEY_LINES = re.compile(
    r"(?:(?:\\[nrt]|\\u[0-9a-f]{4}|[\s\u200b-\u200d\ufeff\x00])*+(?:[A-Z][A-Za-z-]{2,30}: [^\n\\]{1,200}"
    r"|[A-Za-z0-9+/=_-]{16,}|[A-Za-z0-9+/]{1,15}={1,2}|[A-Za-z0-9+/=]+\Z))*+"
)
_KEY_REACH = 100_000
_ESCAPED_LINE = re.compile(r"\\+[nrt](?=\w)")
_ASSIGNED = re.compile(f"{ASSIGNED}|{HEADER}")
_EXAMPLE = re.compile(r"(?i)example|your|xxxx|placeholder|changeme|\*{3}|\.\.\.|1234567")
_WORDS = re.compile(
    r"(?i)p[a@][s$]{2} ?w[o0]rd|secret|qwerty|letmein|hunter2|dummy|sample|admin|welcome|abc123|test|demo"
)
_OPEN_HOST = re.compile(
    r"(?i)://(?:\w*:(?:pass(?:word|wd)?|secret|pwd|postgres|root|admin|user|mysql|guest|pw|my\w*|\w*pass(?:word)?)@"
    r"|.*@(?:localhost|127\.0\.0\.1|0\.0\.0\.0|host|hostname|server|[\w.-]*example\.(?:com|org|net))\b)"
)


def find(text: str) -> list[Secret]:
    """Every secret in a text, in order, without overlaps; in JSON inside of JSON a line begins behind its escape."""
    if "\\" in text:
        text = _ESCAPED_LINE.sub(lambda escape: "\n".rjust(len(escape[0])), text)
    found = [
        Secret(match.start(), _end(text, shape.name, match.end()), shape.name, _shape_score(shape, match.group()))
        for shape, pattern in _COMPILED
        if any(mark in text for mark in shape.marks)
        for match in pattern.finditer(text)
    ]
    for match in _ASSIGNED.finditer(text):
        at = 1 if match.group(1) else 2
        if not any(one.start < match.end(at) and match.start(at) < one.end for one in found):
            found.append(Secret(match.start(at), match.end(at), *_assigned(match, at)))
    return _without_overlaps(sorted(found))


def _end(text: str, name: str, end: int) -> int:
    """Where a credential ends whose first line ends at `end`: a private key goes on to its last line."""
    if name != "private-key":
        return end
    following = text.find("-----BEGIN", end, end + _KEY_REACH)
    last = _KEY_END.search(text, end, following if following >= 0 else end + _KEY_REACH)
    if last is not None:
        return last.end()
    lines = _KEY_LINES.match(text, end)
    return lines.end() if lines else end


def redact(text: str) -> str:
    """The text with every secret of whatever score replaced by `[SECRET:type]`."""
    pieces, at = [], 0
    for each in find(text):
        pieces += [text[at : each.start], f"[SECRET:{each.type}]"]
        at = each.end
    return "".join([*pieces, text[at:]])


def excerpt(text: str, size: int = 160) -> str:
    """The beginning of a text on one line, secrets, personal data and long numbers masked."""
    shown = masked(text[: 8 * size])
    shown = " ".join("".join(char if char.isprintable() else " " for char in shown).split())
    return shown if len(shown) <= size else shown[: size - 1] + "…"


def masked(text: str) -> str:
    """The text with secrets, personal data and long numbers replaced by what they are."""
    shown = _without_pii(redact(text))
    shown = re.sub(r"[\w.+-]+@[\w-]+\.[\w.-]+", "[EMAIL]", shown)
    shown = re.sub(r"\+?\d(?:[ .()-]{0,2}\d){8,}", "[NUMBER]", shown)
    return _without_pii(shown)


def _without_pii(text: str) -> str:
    """The text with personal data masked, and what that uncovers; plain web addresses stay."""
    for _ in range(4):
        found = [span for span in pii.find(text) if span.type != "url"]
        for span in reversed(found):
            text = f"{text[: span.start]}[{span.type.upper()}]{text[span.end :]}"
        if not found:
            break
    return text


def entropy(text: str) -> float:
    """Shannon entropy of the characters of a text, in bits a character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values()) if text else 0.0


def _is_example(value: str) -> bool:
    return bool(_EXAMPLE.search(value)) or entropy(value) < 2.5


def _shape_score(shape: Shape, value: str) -> float:
    """Low for an example of the documentation, and for a name in somebody's code."""
    if _is_example(value) or (shape.disorder and not re.search(r"[0-9]", value)):
        return 0.3
    return 0.3 if shape.name == "url-password" and _OPEN_HOST.search(value) else 1.0


def _assigned(match: re.Match[str], at: int) -> tuple[str, float]:
    """What an assigned value is and how sure: with the disorder of a random string likely a secret, a word not.

    A password in a sentence or in JSON is a kind of its own: it may be one that somebody asked to be made up.
    """
    value, before = match.group(at), match.group()[: match.start(at) - match.start()]
    if _is_example(value) or value.startswith(("$", "%", "http")):
        return "assigned-secret", 0.1
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    chance = kinds >= 2 and bool(re.search("[0-9]", value)) and len(value) >= 16 and entropy(value) >= 3.5
    if not re.search(r"(?i)pass|pwd", before) or (chance and "=" in before):
        return "assigned-secret", 0.8 if chance else 0.3
    own = kinds == 3 and len(value) >= 10 and entropy(value) >= 3.0
    return "password", 0.6 if (own or chance) and not _WORDS.search(value) else 0.3


def _without_overlaps(found: list[Secret]) -> list[Secret]:
    kept: list[Secret] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept
