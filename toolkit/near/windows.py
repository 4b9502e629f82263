"""Which windows of which rows may hold which items: words, their rarity, and candidate pairs.

Texts are compared as tokens: words cut to a stem, and numbers by value, those in English words
among them. Kernels work on the byte buffer of `near.normal`; no text becomes a Python string.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.near.compiled import kernel
from toolkit.near.normal import Normal, normalise
from toolkit.near.shingles import FACTOR, mix

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
LINE = 2  # stands for a line break, which `normalise` would squeeze away
TABLE = 1 << 20
KEPT = 4
COMMON = 64
RAREST = 6
FLOOR = 0.1
WORD_SLOTS = 512

SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty"""
TENS = "thirty forty fifty sixty seventy eighty ninety"
NUMBERS = {
    **{word: str(at) for at, word in enumerate(SMALL.split())},
    **{word: str(10 * at) for at, word in enumerate(TENS.split(), 3)},
    **{"hundred": "100", "thousand": "1000", "million": "1000000", "dozen": "12", "half": "0.5", "quarter": "0.25"},
    **{"twice": "2", "double": "2", "doubled": "2", "thrice": "3", "triple": "3", "once": "1"},
}


class Tokens(NamedTuple):
    """Row i has tokens `offset[i] : offset[i + 1]`. hash: bit 0 is set for a number. start, stop: bytes of
    `text.data`. opens: a sentence or a line begins here."""

    text: Normal
    offset: Ints
    hash: npt.NDArray[np.uint64]
    start: Ints
    stop: Ints
    opens: npt.NDArray[np.bool_]


class Items(NamedTuple):
    """What is looked for. ids: of distinct tokens, CSR by `offset`; weight: of each id; total: of each item.

    known, slots: the hash of each id, sorted, and where it stands in that order is the id.
    """

    tokens: Tokens
    known: npt.NDArray[np.uint64]
    offset: Ints
    ids: Ints
    weight: Floats
    total: Floats


class Candidates(NamedTuple):
    """Pairs worth a closer look: row and item, and the tokens of the row around the best window."""

    row: Ints
    item: Ints
    begin: Ints
    end: Ints


class Room:
    """Memory for the tokens of one batch after another: fresh memory costs more than what is written into it."""

    def __init__(self) -> None:
        self._columns: tuple[npt.NDArray[Any], ...] = ()

    def columns(self, most: int) -> tuple[npt.NDArray[Any], ...]:
        """Hashes, starts, stops and openings of so many tokens; those handed out before are written over."""
        if not self._columns or len(self._columns[0]) < most:
            kinds = (np.uint64, np.int64, np.int64, np.bool_)
            self._columns = tuple(np.empty(most, kind) for kind in kinds)
        return self._columns


def tokens(texts: pa.Array | pa.ChunkedArray, room: Room | None = None) -> Tokens:
    """Tokens of every text, in `room` until the next ones come; a null text has none."""
    text = normalise(pc.replace_substring(texts.cast(pa.large_string()), "\n", chr(LINE)))
    words, numbers = _number_words()
    most = int((text.stop - text.start + 1).sum() // 2 + len(text.start))
    hashes, start, stop, opens = (room or Room()).columns(most)
    offset = np.zeros(len(text.start) + 1, np.int64)
    _tokenise(text, words, numbers, offset, hashes, start, stop, opens)
    used = int(offset[-1])
    return Tokens(text, offset, hashes[:used], start[:used], stop[:used], opens[:used])


def seen_in(rows: Tokens, table: npt.NDArray[np.int32]) -> None:
    """Count, in `table`, in how many rows each token stands; a slot is the low bits of a hash."""
    _count(rows.offset, rows.hash, table, np.full(len(table), -1, np.int64))


def items_of(looked_for: Tokens, table: npt.NDArray[np.int32], n: int) -> Items:
    """Distinct tokens of each item, each weighed by how few of `n` texts it stands in."""
    known = np.unique(looked_for.hash)
    owner = np.repeat(np.arange(len(looked_for.offset) - 1), np.diff(looked_for.offset))
    pairs = np.unique(owner * len(known) + np.searchsorted(known, looked_for.hash)) if len(known) else owner
    owner, ids = np.divmod(pairs, max(len(known), 1))
    offset = np.searchsorted(owner, np.arange(len(looked_for.offset)))
    weight = rarity(table[(known & np.uint64(len(table) - 1)).astype(np.int64)], n)
    total = np.bincount(owner, weight[ids], len(looked_for.offset) - 1).astype(np.float64)
    return Items(looked_for, known, offset, ids, weight, total)


def rarity(seen: npt.NDArray[Any], n: int) -> Floats:
    """Inverse document frequency: log(1 + n / (seen + 1/2))."""
    return np.asarray(np.log1p(n / (seen + 0.5)), np.float64)


def candidates(rows: Tokens, items: Items, own: Ints | None = None) -> Candidates:
    """The four items, at most, that each row holds the most of within one window.

    A window has room for twice the item and moves on by half, so every stretch as long as the item
    lies in one. An item is found by its words that few items share. own: for each row the item that
    it is itself, and that it is not compared with.
    """
    ids = np.empty(len(rows.hash), np.int64)
    _look_up(items.known, rows.hash, ids)
    own = np.full(len(rows.offset) - 1, -1) if own is None else own
    length = np.diff(items.tokens.offset)
    scale = np.maximum(np.ceil(np.log2(np.maximum(length, 1))).astype(np.int64) + 1, 5)
    found: list[tuple[Ints, Ints, Floats, Ints]] = []
    for each in np.unique(scale[length > 0]).tolist():
        postings = _postings(items, np.flatnonzero((scale == each) & (length > 0)))
        found.append(_windows((rows.offset, ids, own), items, postings, 1 << each))
    if not found:
        empty = np.empty(0, np.int64)
        return Candidates(empty, empty, empty, empty)
    row, item, share, begin = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((item, -share, row))
    row = row[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    rank = np.arange(len(row)) - np.repeat(starts, np.diff(starts, append=len(row)))
    best = order[rank < KEPT]
    row, item, begin = row[rank < KEPT], item[best], begin[best]
    width = 1 << scale[item]
    low, high = rows.offset[row], rows.offset[row + 1]
    return Candidates(row, item, np.maximum(begin - width, low), np.minimum(begin + 2 * width, high))


def _postings(items: Items, chosen: Ints) -> tuple[Ints, Ints]:
    """The items of this scale to look at for each token id, CSR: not for their common words, but for the rarest six."""
    count = np.diff(items.offset)[chosen]
    owner = np.repeat(chosen, count)
    at = np.repeat(items.offset[chosen] - np.cumsum(count) + count, count) + np.arange(len(owner))
    ids = items.ids[at]
    users = np.bincount(items.ids, minlength=len(items.known))[ids]
    order = np.lexsort((ids, users, owner))
    owner, ids, users = owner[order], ids[order], users[order]
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    useful = (users <= max(COMMON, len(items.total) // 100)) | (rank < RAREST)
    owner, ids = owner[useful], ids[useful]
    order = np.lexsort((owner, ids))
    return np.searchsorted(ids[order], np.arange(len(items.known) + 1)), owner[order]


def _windows(
    rows: tuple[Ints, Ints, Ints], items: Items, postings: tuple[Ints, Ints], width: int
) -> tuple[Ints, Ints, Floats, Ints]:
    n = len(rows[0]) - 1
    item, begin = np.full((n, KEPT), -1, np.int64), np.zeros((n, KEPT), np.int64)
    share = np.zeros((n, KEPT))
    _fill(rows, postings, items.weight, items.total, width, (item, share, begin))
    some = item >= 0
    return np.nonzero(some)[0], item[some], share[some], begin[some]


@cache
def _number_words() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """A table of the hashes of the number words, 0 where none is, and of the numbers that they mean."""
    none = np.zeros(1, np.uint64)
    both = []
    for texts in (list(NUMBERS), list(NUMBERS.values())):
        text = normalise(pa.array(texts, pa.large_string()))
        out = np.empty(len(texts), np.uint64)
        offset, place = np.zeros(len(texts) + 1, np.int64), np.empty((2, len(texts)), np.int64)
        _tokenise(text, none, none, offset, out, place[0], place[1], np.empty(len(texts), np.bool_))
        both.append(out)
    words, numbers = np.zeros(WORD_SLOTS, np.uint64), np.zeros(WORD_SLOTS, np.uint64)
    for word, number in zip(*both, strict=True):
        slot = int(word) % WORD_SLOTS
        while words[slot]:
            slot = (slot + 1) % WORD_SLOTS
        words[slot], numbers[slot] = word, number
    return words, numbers


@kernel
def _is_word(byte: Any) -> Any:
    return 97 <= byte <= 122 or byte > 127 or 65 <= byte <= 90


@kernel
def _is_digit(byte: Any) -> Any:
    return 48 <= byte <= 57


@kernel
def _tokenise(text: Any, words: Any, numbers: Any, offset: Any, hashes: Any, start: Any, stop: Any, opens: Any) -> None:
    used, mask = 0, np.uint64(len(words) - 1)
    for row in range(len(text.start)):
        at, end, fresh = text.start[row], text.stop[row], True
        while at < end:
            byte, first = text.data[at], at
            if _is_digit(byte):
                at, value = _number(text.data, at, end)
            elif _is_word(byte):
                while at < end and _is_word(text.data[at]):
                    at += 1
                value = _stem(text.data, first, at)
                slot = value & mask
                while words[slot] != 0 and words[slot] != value:
                    slot = (slot + np.uint64(1)) & mask
                if words[slot] != 0:
                    value = numbers[slot]
            else:
                at += 1
                ends = byte == 46 or byte == 63 or byte == 33 or byte == 58
                fresh = fresh or byte == LINE or (ends and (at == end or text.data[at] <= 32))
                continue
            hashes[used], start[used], stop[used], opens[used] = value, first, at, fresh
            used += 1
            fresh = False
        offset[row + 1] = used


@kernel
def _number(data: Any, at: Any, end: Any) -> Any:
    """Where a number ends, and a hash of its value: 1,000.50 is 1000.5."""
    value, zeros, fraction, pointed = np.uint64(1), 0, False, False
    while at < end:
        byte = data[at]
        if _is_digit(byte):
            if fraction and byte == 48:
                zeros += 1  # they count only before another digit
            else:
                if fraction and not pointed:
                    value, pointed = value * FACTOR + np.uint64(46), True
                for _ in range(zeros):
                    value = value * FACTOR + np.uint64(48)
                zeros = 0
                value = value * FACTOR + np.uint64(byte)
        elif byte == 46 and not fraction and at + 1 < end and _is_digit(data[at + 1]):
            fraction = True
        elif not (byte == 44 and not fraction and at + 3 < end and _is_digit(data[at + 1]) and _is_digit(data[at + 3])):
            break
        at += 1
    return at, mix(value) | np.uint64(1)


@kernel
def _stem(data: Any, first: Any, end: Any) -> Any:
    """A hash of a word without its English ending, of its first seven bytes at most (Latin script)."""
    size = end - first
    if size >= 6 and data[end - 3] == 105 and data[end - 2] == 110 and data[end - 1] == 103:
        size -= 3
    elif size >= 5 and data[end - 2] == 101 and (data[end - 1] == 100 or data[end - 1] == 115):
        size -= 2
    elif size >= 4 and data[end - 1] == 115:
        size -= 1
    if size > 3 and data[first + size - 1] == 101:
        size -= 1
    if data[first] < 128:
        size = min(size, 7)
    value = np.uint64(7)
    if size > 7 or first + 7 > len(data):
        for at in range(first, first + size):
            value = value * FACTOR + np.uint64(data[at])
        return mix(value) & ~np.uint64(1)
    # Always seven steps: choosing costs less than guessing where a word ends.
    for at in range(7):
        longer = value * FACTOR + np.uint64(data[first + at])
        value = longer if at < size else value
    return mix(value) & ~np.uint64(1)


@kernel
def _count(offset: Any, hashes: Any, table: Any, last: Any) -> None:
    slots = np.uint64(len(table) - 1)
    for row in range(len(offset) - 1):
        for at in range(offset[row], offset[row + 1]):
            slot = hashes[at] & slots
            if last[slot] != row:
                last[slot] = row
                table[slot] += 1


@kernel
def _look_up(known: Any, hashes: Any, ids: Any) -> None:
    """The place of each hash among the known ones, -1 for none, by a table of open addresses."""
    size = 4
    while size < 2 * len(known) + 2:
        size *= 2
    table, mask = np.full(size, -1, np.int64), np.uint64(size - 1)
    for each in range(len(known)):
        slot = known[each] & mask
        while table[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = each
    for at in range(len(hashes)):
        slot = hashes[at] & mask
        while table[slot] >= 0 and known[table[slot]] != hashes[at]:
            slot = (slot + np.uint64(1)) & mask
        ids[at] = table[slot]


@kernel
def _fill(rows: Any, postings: Any, weight: Any, total: Any, width: Any, best: Any) -> None:
    """For each row the items with the largest share of their weight in one window."""
    offset, ids, own = rows
    post_at, post = postings
    item, share, begin = best
    held, touched = np.zeros(len(total)), np.empty(len(total), np.int64)
    seen = np.full(len(weight), -1, np.int64)
    window = 0
    for row in range(len(offset) - 1):
        left = offset[row]
        while left < offset[row + 1]:
            window += 1
            n = 0
            for at in range(left, min(left + width, offset[row + 1])):
                token = ids[at]
                if token < 0 or seen[token] == window:
                    continue
                seen[token] = window
                for place in range(post_at[token], post_at[token + 1]):
                    if held[post[place]] == 0.0:
                        touched[n] = post[place]
                        n += 1
                    held[post[place]] += weight[token]
            for place in range(n):
                each = touched[place]
                part = held[each] / total[each]
                held[each] = 0.0
                if part >= FLOOR and each != own[row]:
                    _keep(item[row], share[row], begin[row], each, part, left)
            if left + width >= offset[row + 1]:
                break
            left += width // 2


@kernel
def _keep(item: Any, share: Any, begin: Any, each: Any, part: Any, left: Any) -> None:
    """Put an item where it belongs among the best; an item stands there once, with its best window."""
    for at in range(len(item)):
        if item[at] == each:
            if part > share[at]:
                share[at], begin[at] = part, left
            return
    worst = np.argmin(share)
    if part > share[worst] or (part == share[worst] and each < item[worst]):
        item[worst], share[worst], begin[worst] = each, part, left
