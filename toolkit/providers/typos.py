"""Slips of the finger: one changed word in a text, numbers left alone."""

from __future__ import annotations

import re
from random import Random
from zlib import crc32

_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_BETWEEN = (b"", b".", b",")
_WORD = re.compile(r"[^\W\d_]{4,}")


def with_typo(text: str, rng: Random) -> str:
    """The text with one word misspelled: two letters swapped, one lost, or one doubled.

    A text without a word of four letters comes back as it is. The first letter is never touched, as
    people rarely miss it.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = words[int(rng.random() * len(words))]
    at = word.start() + 1 + int(rng.random() * (len(word.group()) - 2))
    slip = rng.random()
    if slip < 0.5 and text[at] != text[at + 1]:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if slip < 0.8:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]


def mark(text: str, start: int = 0) -> int:
    """The checksum of a text whose numbers are masked as `mask_numbers` does it, in a third of its time."""
    raw = text.encode().translate(_ZEROS)
    if b"0" in raw:
        first, *inner, last = raw.split(b"0")
        raw = b"0".join([first, *[each for each in inner if each not in _BETWEEN], last])
    return crc32(raw, start)
