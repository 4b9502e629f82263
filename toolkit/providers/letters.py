"""What a slot may do to its text: change its letters, or say it with an article."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# Blanks and commas are what empty slots leave.
_START = re.compile(r"[\s,¿¡\"'(\[„“‘«]*")
_SENTENCE = re.compile(r"((?:[!?]|\w\w\.)\s+)([^\W\d_])")
# Names of letters that begin with a vowel, and words whose first sound is not that of their first letter.
_SPELLED = re.compile(r"[AEFHILMNORSX](?=$|[^\w']|[A-Z0-9])")
_YOU = r"u(?:n(?:i(?![mnd])|anim)|s[aeiu]|t[aei]|r[aiou]|ga|biq|k|fo)"
_AN = re.compile(rf"(?i:[aeio]|(?!{_YOU})u|8|1[18](?!\d)|hour|honest|honou?r|heir)")
_A = re.compile(r"(?i:eu|ew|one\b|once\b|ouija)|U(?=$|[^\w']|[A-Z0-9])")


def cap(text: str) -> str:
    """The first letter is a capital, an opening mark before it or not."""
    at = 0 if text[:1].isalpha() else _start(text)
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


def _start(text: str) -> int:
    found = _START.match(text)
    return found.end() if found else 0


def sentences(text: str) -> str:
    """Every sentence begins with a capital; no sentence begins after `e.g.` or an initial."""
    return _SENTENCE.sub(lambda found: found[1] + found[2].upper(), cap(text))


def article(text: str) -> str:
    """English `a` or `an` before the text, by the sound that it begins with as far as spelling tells."""
    bare = text.lstrip()
    return f"{'an' if _vowel(bare) else 'a'} {bare}" if bare else ""


def _vowel(text: str) -> bool:
    if _A.match(text):
        return False
    return bool(_AN.match(text) or _SPELLED.match(text))


CASES: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "cap": cap,
    "sentences": sentences,
    "a": article,
}
