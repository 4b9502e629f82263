"""Shingles as 64-bit hashes: `c5` is every run of 5 characters, `w3` every run of 3 words.

One hash family with constants of its own, so the same text has the same shingles everywhere. Eight
ASCII characters or fewer are packed and mixed without loss; longer or wider shingles collide with a
chance of about m² / 2^65 in a pair of rows with m shingles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from toolkit.core.errors import UsageError
from toolkit.near.compiled import kernel

WIDEST = 8


class Kind(NamedTuple):
    """`words` False: a shingle is `length` characters (code points); True: `length` words."""

    words: bool
    length: int


def parse_kind(text: str) -> Kind:
    """`c5` -> 5 characters, `w3` -> 3 words; 1 to 8. UsageError for anything else."""
    if len(text) == 2 and text[0] in "cw" and text[1] in "12345678":
        return Kind(text[0] == "w", int(text[1]))
    raise UsageError(f"unknown kind of shingle '{text}'", "c5 (5 characters), w3 (3 words), or another length 1 to 8")


@kernel
def mix(value: Any) -> Any:
    """A bijection of 64 bits whose every output bit depends on every input bit (xor, shift, multiply)."""
    value = (value ^ (value >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(29))) * np.uint64(0xC2B2AE3D27D4EB4F)
    return value ^ (value >> np.uint64(32))


@kernel
def _code_point(data: Any, at: Any) -> Any:
    """The code point at `at` and where the next one starts; the text is valid UTF-8."""
    first = np.uint32(data[at])
    if first < 0x80:
        return first, at + 1
    low = np.uint32(0x3F)
    second = np.uint32(data[at + 1]) & low
    if first < 0xE0:
        return ((first & np.uint32(0x1F)) << np.uint32(6)) | second, at + 2
    third = np.uint32(data[at + 2]) & low
    if first < 0xF0:
        return ((first & np.uint32(0x0F)) << np.uint32(12)) | (second << np.uint32(6)) | third, at + 3
    fourth = np.uint32(data[at + 3]) & low
    high = ((first & np.uint32(0x07)) << np.uint32(18)) | (second << np.uint32(12))
    return high | (third << np.uint32(6)) | fourth, at + 4


@kernel
def characters(data: Any, start: Any, stop: Any, length: Any, out: Any) -> Any:
    """Packed for as long as the text is ASCII; a window with a wide character is folded one by one."""
    count = 0
    mask = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * length)
    packed = np.uint64(0)
    at, seen, narrow = start, 0, 0
    window = np.zeros(8, np.uint64)
    while at < stop:
        if data[at] < 0x80:
            packed = ((packed << np.uint64(8)) | np.uint64(data[at])) & mask
            window[seen & 7] = data[at]
            narrow += 1
            at += 1
        else:
            point, at = _code_point(data, at)
            window[seen & 7] = point
            packed, narrow = np.uint64(0), 0
        seen += 1
        if seen < length:
            continue
        if narrow >= length:
            out[count] = mix(packed)
        else:
            folded = np.uint64(length)
            for back in range(length):
                folded = mix(folded + window[(seen - length + back) & 7])
            out[count] = folded
        count += 1
    return count


@kernel
def _separates(point: Any) -> Any:
    """Not part of a word. Latin-1 signs, general punctuation, CJK punctuation, and ASCII but letters and digits."""
    if point < 0x80:
        return not (97 <= point <= 122 or 48 <= point <= 57 or point == 95)
    if point < 0xC0:
        return not (point == 0xAA or point == 0xB5 or point == 0xBA)
    return 0x2000 <= point < 0x2070 or 0x3000 <= point < 0x3004 or 0x3008 <= point < 0x3021 or point == 0x30FB


@kernel
def _stands_alone(point: Any) -> Any:
    """Scripts written without blanks (CJK, kana, Thai, Lao, Khmer, Burmese): a character is a word."""
    if point < 0x0E00:
        return False
    if point < 0x10A0:
        return point < 0x0F00 or point >= 0x1000
    return (
        0x1780 <= point < 0x1800 or 0x3040 <= point < 0xA000 or 0xF900 <= point < 0xFB00 or 0x20000 <= point < 0x32000
    )


@kernel
def _words(data: Any, start: Any, stop: Any, length: Any, out: Any) -> Any:
    count, seen = 0, 0
    window = np.zeros(8, np.uint64)
    at, inside = start, False
    word = np.uint64(0)
    while at <= stop:
        point, after = np.uint32(32), at + 1
        if at < stop:
            point, after = _code_point(data, at)
        alone = _stands_alone(point)
        if inside and (alone or _separates(point)):
            window[seen & 7] = mix(word)
            seen += 1
            inside = False
            count = _shingle(window, seen, length, out, count)
        if alone:
            window[seen & 7] = mix(np.uint64(point))
            seen += 1
            count = _shingle(window, seen, length, out, count)
        elif not _separates(point):
            word = (word if inside else np.uint64(0)) * np.uint64(0x9FB21C651E98DF25) + np.uint64(point) + np.uint64(1)
            inside = True
        at = after
    return count


@kernel
def _shingle(window: Any, seen: Any, length: Any, out: Any, count: Any) -> Any:
    if seen < length:
        return count
    folded = np.uint64(length)
    for back in range(length):
        folded = mix(folded + window[(seen - length + back) & 7])
    out[count] = folded
    return count + 1


@kernel
def shingles(text: Any, row: Any, kind: Any, out: Any) -> Any:
    """Write the hash of every shingle of a row of `Normal`, repeats too; returns how many.

    `out` holds as many as the row has bytes.
    """
    if kind.words:
        return _words(text.data, text.start[row], text.stop[row], kind.length, out)
    return characters(text.data, text.start[row], text.stop[row], kind.length, out)


@kernel
def distinct(out: Any, count: Any, slots: Any, stamps: Any, stamp: Any) -> Any:
    """Keep the first of each hash in `out[:count]`, in place; returns how many are left.

    `slots` and `stamps` are a power of two, at least 2 * count long; a slot is taken when its stamp
    is `stamp`, so a table is cleared by counting on.
    """
    mask = np.uint64(len(slots) - 1)
    kept = 0
    for at in range(count):
        value = out[at]
        slot = (value >> np.uint64(20)) & mask
        while stamps[slot] == stamp and slots[slot] != value:
            slot = (slot + np.uint64(1)) & mask
        if stamps[slot] != stamp:
            stamps[slot] = stamp
            slots[slot] = value
            out[kept] = value
            kept += 1
    return kept


@kernel
def table_size(longest: Any) -> Any:
    """The power of two that holds `longest` hashes at most half full."""
    size = 64
    while size < 2 * longest:
        size *= 2
    return size
