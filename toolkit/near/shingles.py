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
from toolkit.near.normal import is_wide

# No slot of a table holds this; a shingle with this very hash, one in 2**64, is left out everywhere.
FREE = np.uint64(0)
FACTOR = np.uint64(0x9FB21C651E98DF25)


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
    """Pack ASCII text in passes that vectorise (slices, so no index can wrap); fold wide text window by window."""
    text = data[start:stop]
    if is_wide(text):
        return _wide_characters(data, start, stop, length, out)
    count = max(len(text) - length + 1, 0)
    windows = out[:count]
    if length % 2 == 0:
        after = text[1 : 1 + count]
        for at in range(count):
            windows[at] = (np.uint64(text[at]) << np.uint64(8)) | np.uint64(after[at])
    else:
        for at in range(count):
            windows[at] = text[at]
    for ahead in range(2 - length % 2, length, 2):
        first, second = text[ahead : ahead + count], text[ahead + 1 : ahead + 1 + count]
        for at in range(count):
            pair = (np.uint64(first[at]) << np.uint64(8)) | np.uint64(second[at])
            windows[at] = (windows[at] << np.uint64(16)) | pair
    for at in range(count):
        windows[at] = mix(windows[at])
    return count


@kernel
def _wide_characters(data: Any, start: Any, stop: Any, length: Any, out: Any) -> Any:
    points, at = 0, start
    while at < stop:
        point, at = _code_point(data, at)
        out[points] = point
        points += 1
    for begin in range(points - length + 1):
        packed, folded, wide = np.uint64(0), np.uint64(length), False
        for at in range(begin, begin + length):
            wide |= out[at] > 127
            packed = (packed << np.uint64(8)) | out[at]
            folded = mix(folded + out[at])
        # A window of ASCII has the hash that it has in a row of ASCII.
        out[begin] = folded if wide else mix(packed)
    return max(points - length + 1, 0)


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


def _word_table() -> Any:
    table = np.zeros(256, np.bool_)
    table[97:123] = table[48:58] = table[95] = True
    return table


_IN_WORD = _word_table()


@kernel
def _words(data: Any, start: Any, stop: Any, length: Any, out: Any) -> Any:
    """Hash the words into `out`, then each run of `length` of them over it."""
    text = data[start:stop]
    words = _wide_words(text, out) if is_wide(text) else _ascii_words(text, out)
    count = max(words - length + 1, 0)
    for at in range(words):
        out[at] = mix(out[at])
    for begin in range(count):
        run = np.uint64(0)
        for ahead in range(length):
            run = run * FACTOR + out[begin + ahead]
        out[begin] = mix(run)
    return count


@kernel
def _ascii_words(text: Any, out: Any) -> Any:
    words, word = 0, np.uint64(0)
    for at in range(len(text)):
        letter = text[at]
        if _IN_WORD[letter]:
            word = (word ^ np.uint64(letter)) * FACTOR
        elif word != 0:
            out[words] = word
            words += 1
            word = np.uint64(0)
    if word != 0:
        out[words] = word
        words += 1
    return words


@kernel
def _wide_words(text: Any, out: Any) -> Any:
    """As `_ascii_words`, with every byte of a wide letter hashed, and letters that stand alone."""
    words, word, at = 0, np.uint64(0), 0
    while at < len(text):
        point, after = _code_point(text, at)
        alone = _stands_alone(point)
        inside = not alone and not _separates(point)
        if word != 0 and not inside:
            out[words] = word
            words += 1
            word = np.uint64(0)
        if inside or alone:
            for byte in range(at, after):
                word = (word ^ np.uint64(text[byte])) * FACTOR
        if alone:
            out[words] = word
            words += 1
            word = np.uint64(0)
        at = after
    if word != 0:
        out[words] = word
        words += 1
    return words


@kernel
def shingles(text: Any, row: Any, kind: Any, out: Any) -> Any:
    """Write the hash of every shingle of a row of `Normal`, repeats too; returns how many.

    `out` holds as many as the row has bytes.
    """
    if kind.words:
        return _words(text.data, text.start[row], text.stop[row], kind.length, out)
    return characters(text.data, text.start[row], text.stop[row], kind.length, out)


@kernel
def distinct(out: Any, count: Any, slots: Any) -> Any:
    """Keep the first of each hash in `out[:count]`, in place; returns how many are left.

    Afterwards `slots[: table_size(count)]` is their open-addressed table; `slots` is at least that long.
    """
    size = table_size(count)
    mask = np.uint64(size - 1)
    for slot in range(size):
        slots[slot] = FREE
    kept = 0
    for at in range(count):
        value = out[at]
        slot = (value >> np.uint64(20)) & mask
        held = slots[slot]
        # One branch that is nearly always the same way, where `and` would make two that are not.
        while (held != FREE) & (held != value):
            slot = (slot + np.uint64(1)) & mask
            held = slots[slot]
        slots[slot] = value
        out[kept] = value
        kept += held != value
    return kept


@kernel
def table_size(count: Any) -> Any:
    """The power of two that holds `count` hashes at most half full, a short row's at most a quarter."""
    size = 64
    while size < 2 * count or (size < 4 * count and size < 512):
        size *= 2
    return size


@kernel
def longest_row(text: Any, low: Any, high: Any) -> Any:
    """The bytes of the longest of these rows, at least 1: room for the shingles of any of them."""
    longest = 1
    for row in range(low, high):
        longest = max(longest, text.stop[row] - text.start[row])
    return longest
