"""Rows that another row begins with, and whether they end where rows end: what was cut off shows it.

"what ingredients are in" begins "what ingredients are in tacos", and no row of the set ends in "in". How
often each word stands last and how often inside is counted in the reference itself, so a set in which
rows do end in "in" takes it for no evidence. Words are what blanks part: a script without them has no cuts here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.compiled import kernel
from toolkit.near.groups import groups_of
from toolkit.near.normal import Normal, join
from toolkit.near.shingles import FACTOR, mix

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
CUT = 1_024  # bytes of a row that are looked at
BLANK = np.uint8(32)


class Cuts(NamedTuple):
    """For each query, shape (n,), a row that it was cut from or that was cut from it, -1 for none.

    inner: the longest reference row that this text alone begins with, of queries and reference. outer: the only
    reference row that begins with the query. inner_end, outer_end: the evidence of where the shorter one ends, in
    nats: log of how often its last word stands inside a row, over how often it ends one.
    """

    inner: Ints
    inner_end: Floats
    outer: Ints
    outer_end: Floats


class _Words(NamedTuple):
    """How often words stand anywhere and last, by the high bits of their hash; all words; all rows."""

    seen: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]
    total: int
    rows: int


def cuts(own: Normal, reference: Normal) -> Cuts:
    """What of `own` begins with a reference row, or the other way round; the reference's rows are all different.

    Cost: two passes over both. Memory: a copy of both texts, 32 MB for the words.
    """
    n = len(reference.start)
    both = join(reference, own)
    first, _ = groups_of(both)
    different = first == np.arange(len(first))
    inner, times, _ = _beginnings(reference, both, different)
    held = inner[n:]
    held = np.where((held >= 0) & (times[held] == 1), held, -1) if n else held
    _, times, longer = _beginnings(own, reference, np.ones(n, np.bool_))
    twin = first[n:]
    # Equal queries are found as the first one of them; one that stands in the reference as itself.
    own_first, _ = groups_of(own)
    outer = np.where(times[own_first] == 1, longer[own_first], -1)
    words = _words(reference)
    ends = _ends(reference, words, np.ones(n, np.bool_))
    inner_end = np.where(held >= 0, ends[held], 0.0) if n else np.zeros(len(held))
    return Cuts(held, inner_end, outer, _ends(own, words, twin < n))


def _beginnings(short: Normal, long: Normal, counted: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """The longest of `short` that each of `long` begins with and goes on from; how many of the counted ones
    begin with each of `short`, and the last of those.
    """
    table = np.full(1 << max(6, (2 * len(short.start)).bit_length()), -1, np.int64)
    found, times, host = np.full(len(long.start), -1, np.int64), *(np.full(len(short.start), at) for at in (0, -1))
    _enter(short, table)
    _begin(short, long, table, counted, found, times, host)
    return found, times, host


def _words(rows: Normal) -> _Words:
    bits = min(22, max(12, len(rows.data).bit_length() + 1))
    seen, last = np.zeros(1 << bits, np.uint32), np.zeros(1 << bits, np.uint32)
    return _Words(seen, last, int(_count(rows, bits, seen, last)), len(rows.start))


def _ends(rows: Normal, words: _Words, known: npt.NDArray[np.bool_]) -> Floats:
    """The evidence of each row's last word; a row that was counted itself, `known`, does not count for itself."""
    at = np.zeros(len(rows.start), np.int64)
    _last_words(rows, len(words.seen).bit_length() - 1, at)
    seen, last = (each[at].astype(np.float64) - known for each in (words.seen, words.last))
    # A word seen once says little: both shares are drawn towards that of the word anywhere.
    share = seen / max(words.total, 1)
    inside = (seen - last + share) / (words.total - words.rows + 1)
    ending = (last + share) / (words.rows + 1)
    sure = (seen > 0) & (at >= 0)
    return np.log(np.where(sure, inside, 1.0)) - np.log(np.where(sure, ending, 1.0))


@kernel
def _stop(rows: Any, row: Any) -> Any:
    return min(rows.stop[row], rows.start[row] + CUT)


@kernel
def _enter(rows: Any, table: Any) -> None:
    """The first of equal rows, by the hash of its bytes; longer ones than are looked at are left out."""
    mask = np.uint64(len(table) - 1)
    for row in range(len(rows.start)):
        begin, end = rows.start[row], rows.stop[row]
        if begin == end or end - begin > CUT:
            continue
        key = np.uint64(0)
        for at in range(begin, end):
            key = (key ^ np.uint64(rows.data[at])) * FACTOR
        slot = mix(key) & mask
        while table[slot] >= 0 and not _same(rows, table[slot], rows, begin, end):
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = row


@kernel
def _same(rows: Any, row: Any, others: Any, begin: Any, end: Any) -> Any:
    if rows.stop[row] - rows.start[row] != end - begin:
        return False
    for at in range(end - begin):  # noqa: SIM110 (a generator does not compile)
        if rows.data[rows.start[row] + at] != others.data[begin + at]:
            return False
    return True


@kernel
def _begin(short: Any, long: Any, table: Any, counted: Any, found: Any, times: Any, host: Any) -> None:
    mask = np.uint64(len(table) - 1)
    for row in range(len(long.start)):
        key = np.uint64(0)
        for at in range(long.start[row], _stop(long, row)):
            if long.data[at] == BLANK:
                slot = mix(key) & mask
                while table[slot] >= 0 and not _same(short, table[slot], long, long.start[row], at):
                    slot = (slot + np.uint64(1)) & mask
                if table[slot] >= 0:
                    found[row] = table[slot]
                    if counted[row]:
                        times[table[slot]] += 1
                        host[table[slot]] = row
            key = (key ^ np.uint64(long.data[at])) * FACTOR


@kernel
def _count(rows: Any, bits: Any, seen: Any, last: Any) -> Any:
    total = 0
    for row in range(len(rows.start)):
        key = np.uint64(0)
        stop = _stop(rows, row)
        for at in range(rows.start[row], stop + 1):
            if at < stop and rows.data[at] != BLANK:
                key = (key ^ np.uint64(rows.data[at])) * FACTOR
                continue
            slot = np.int64(mix(key) >> np.uint64(64 - bits))
            if key != np.uint64(0):
                total += 1
                seen[slot] += np.uint32(1)
                last[slot] += np.uint32(at == stop)
            key = np.uint64(0)
    return total


@kernel
def _last_words(rows: Any, bits: Any, found: Any) -> None:
    """Where the last word of each row is counted."""
    for row in range(len(rows.start)):
        at = stop = _stop(rows, row)
        while at > rows.start[row] and rows.data[at - 1] != BLANK:
            at -= 1
        key = np.uint64(0)
        for place in range(at, stop):
            key = (key ^ np.uint64(rows.data[place])) * FACTOR
        found[row] = np.int64(mix(key) >> np.uint64(64 - bits)) if stop > at else np.int64(-1)
