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


class Secret(NamedTuple):
    """A span of text that looks like a credential. score: how sure its shape alone makes it, 0 to 1."""

    start: int
    end: int
    type: str
    score: float


SHAPES: tuple[tuple[str, str], ...] = (
    ("aws-access-key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("private-key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b"),
    ("gitlab-token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("slack-webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}"),
    ("stripe-key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("anthropic-key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    ("openai-key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}"),
    ("google-api-key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("huggingface-token", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("pypi-token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}"),
    ("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("twilio-key", r"\bSK[0-9a-f]{32}\b"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("url-password", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"<>]{1,64}:[^\s:/@'\"<>{}$]{4,64}@[\w.-]+"),
)
ASSIGNED = (
    r"(?i)\b(?:api[_-]?key|secret[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|passwd|password)\b"
    r"[\"']?\s{0,3}(?:=|:|=>)\s{0,3}[\"']?([^\s\"',;<>{}()\[\]]{8,128})"
)
ANY = "|".join(f"(?:{pattern})" for _, pattern in SHAPES) + f"|(?:{ASSIGNED})"
"""One RE2-compatible pattern for a first look at a whole column."""

_SHAPES = tuple((name, re.compile(pattern)) for name, pattern in SHAPES)
_KEY_END = re.compile(r"-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")
# What stands between a key's first and last line, line breaks also as JSON writes them; where it is
# cut off, words that follow are no part of it.
_KEY_LINES = re.compile(
    r"(?:(?:\\[nrt]|\\u[0-9a-f]{4}|[\s\u200b-\u200d\ufeff\x00])*+(?:[A-Z][A-Za-z-]{2,30}: [^\n\\]{1,200}"
    r"|[A-Za-z0-9+/=_-]{16,}|[A-Za-z0-9+/]{1,15}={1,2}|[A-Za-z0-9+/=]+\Z))*+"
)
_KEY_REACH = 100_000
_ASSIGNED = re.compile(ASSIGNED)
_EXAMPLE = re.compile(r"(?i)example|your|xxxx|placeholder|changeme|\*{3}|\.\.\.|1234567")


def find(text: str) -> list[Secret]:
    """Every secret in a text, in order, without overlaps."""
    found = [
        Secret(match.start(), _end(text, name, match.end()), name, 0.3 if _is_example(match.group()) else 1.0)
        for name, pattern in _SHAPES
        for match in pattern.finditer(text)
    ]
    for match in _ASSIGNED.finditer(text):
        value = match.group(1)
        if not any(one.start < match.end(1) and match.start(1) < one.end for one in found):
            found.append(Secret(match.start(1), match.end(1), "assigned-secret", _assigned_score(value)))
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


def _assigned_score(value: str) -> float:
    """A value with letters, digits and the disorder of a random string is likely a secret; a word is not."""
    if _is_example(value) or value.startswith(("$", "%", "http")):
        return 0.1
    mixed = bool(re.search(r"[0-9]", value)) and bool(re.search(r"[A-Za-z]", value))
    return 0.8 if mixed and len(value) >= 16 and entropy(value) >= 3.5 else 0.3


def _without_overlaps(found: list[Secret]) -> list[Secret]:
    kept: list[Secret] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept
