"""Shingles as 64-bit hashes: `c5` is every run of 5 characters, `w3` every run of 3 words.

One hash family with constants of its own, so the same text has the same shingles everywhere. Eight
ASCII characters or fewer are packed and mixed without loss; longer or wider shingles collide with a
chance of about m² / 2^65 in a pair of rows with m shingles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from toolkit.core.errors import UsageError
from toolkit.near.blocks import AHEAD, eight, lowest, wide_bytes, with_room, word_bytes
from toolkit.near.compiled import kernel
from toolkit.near.normal import is_wide

# No slot of a table holds this; a shingle with this very hash, one in 2**64, is left out everywhere.
FREE = np.uint64(0)
FACTOR = np.uint64(0x9FB21C651E98DF25)
_OTHER = np.uint64(0xD6E8FEB86659FD93)
_EVERY = np.uint64(0xFFFFFFFFFFFFFFFF)


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


@kernel
def _words(data: Any, start: Any, stop: Any, length: Any, out: Any) -> Any:
    """Hash the words into `out`, then each run of `length` of them over it."""
    data, start, stop = with_room(data, start, stop)
    words = _ascii_words(data, start, stop, out)
    if words < 0:
        words = _wide_words(data, start, stop, out)
    count = max(words - length + 1, 0)
    if length == 3:
        _threes(out, np.uint64(count))
        return count
    for begin in range(count):
        run = np.uint64(0)
        for ahead in range(length):
            run = run * FACTOR + out[begin + ahead]
        out[begin] = mix(run)
    return count


@kernel
def _threes(out: Any, count: Any) -> None:
    """Unsigned places cannot be negative, so this becomes vector instructions."""
    for at in range(count):
        out[at] = mix((out[at] * FACTOR + out[at + np.uint64(1)]) * FACTOR + out[at + np.uint64(2)])


@kernel
def _ascii_words(data: Any, start: Any, stop: Any, out: Any) -> Any:
    """Hash every word of a row with room after it; returns how many, -1 for a row that is not ASCII.

    Words are found 64 bytes at a time: one begins where the bit of a byte differs from the one before.
    """
    words, at, begin, open_word = 0, start, start, np.uint64(0)
    while at < stop:
        inside, wide = word_bytes(data, at), wide_bytes(data, at)
        if stop - at < AHEAD:
            row = (np.uint64(1) << np.uint64(stop - at)) - np.uint64(1)
            inside, wide = inside & row, wide & row
        if wide != 0:
            return -1
        before = (inside << np.uint64(1)) | open_word
        starts, ends = inside & ~before, before & ~inside
        if open_word == 0:
            begin = at + lowest(starts)
            starts &= starts - np.uint64(1)
        while ends != 0:
            out[words] = _word(data, begin, at + lowest(ends))
            words += 1
            begin = at + lowest(starts)
            starts &= starts - np.uint64(1)
            ends &= ends - np.uint64(1)
        open_word = inside >> np.uint64(63)
        at += AHEAD
    if open_word != 0:
        out[words] = _word(data, begin, stop)
        words += 1
    return words


@kernel
def _word(data: Any, begin: Any, end: Any) -> Any:
    """A hash of a word with room after it; up to eight bytes make it without loss."""
    size = end - begin
    if size <= 16:
        first, second = np.uint64(4 * min(size, 8)), np.uint64(4 * max(size - 8, 0))
        low = eight(data, begin) & ~((_EVERY << first) << first)
        high = eight(data, begin + 8) & ~((_EVERY << second) << second)
        return (low * FACTOR) ^ (high * _OTHER)
    value = np.uint64(size)
    for at in range(begin, end - 8, 8):
        value = (value ^ eight(data, at)) * FACTOR
        value ^= value >> np.uint64(29)
    return (value ^ eight(data, end - 8)) * FACTOR


@kernel
def _wide_words(data: Any, start: Any, stop: Any, out: Any) -> Any:
    """As `_ascii_words`, for any row, with letters that stand alone."""
    words, at, begin = 0, start, start
    while at < stop:
        point, after = _code_point(data, at)
        alone = _stands_alone(point)
        if alone or _separates(point):
            if begin < at:
                out[words] = _word(data, begin, at)
                words += 1
            begin = after
        if alone:
            out[words] = _word(data, at, after)
            words += 1
        at = after
    if begin < stop:
        out[words] = _word(data, begin, stop)
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
def unique(out: Any, count: Any, spare: Any, slots: Any) -> Any:
    """As `distinct`, in any order and without the table: `spare` is as long as `out`.

    Each hash writes its place into a slot. Who finds its own place there is kept; of the others those
    equal to who is there are repeats, and the rest tries again. Nothing is cleared, and no branch is guessed.
    """
    marks = slots.view(np.uint32)
    mask, shift = np.uint64(2 * table_size(count) - 1), np.uint64(20)
    kept, left = _winners(out, count, out, 0, spare, marks, mask, shift)
    while left > 0:
        shift = (shift + np.uint64(13)) % np.uint64(52)
        kept, left = _winners(spare, left, out, kept, spare, marks, mask, shift)
    return kept


@kernel
def _winners(values: Any, count: Any, out: Any, kept: Any, spare: Any, marks: Any, mask: Any, shift: Any) -> Any:
    """Put `values` that find themselves in their slot into `out`, those that meet another into `spare`."""
    left = 0
    for at in range(count):
        marks[(values[at] >> shift) & mask] = at
    for at in range(count):
        value = values[at]
        # The last one to write: what is there has not been written over yet.
        winner = np.int64(marks[(value >> shift) & mask])
        other = values[winner] != value
        spare[left] = value
        left += other
        out[kept] = value
        kept += (winner == at) & (value != FREE)
    return kept, left


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
