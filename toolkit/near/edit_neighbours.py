"""The nearest rows of a reference by edits: which row was this one made of, by typos, other words, or a cut?

Candidates share the rarest runs of five bytes; each is then compared by its edit distance. Nothing is
listed for every pair, so the cost grows with the rows and not with their product: 2,000 queries against
9,000 short rows take 0.06 s of CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.bands import on_every_core
from toolkit.near.compiled import kernel
from toolkit.near.edit import distance
from toolkit.near.normal import Normal
from toolkit.near.shingles import mix

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
STRETCH = 64
STRETCHES = 12
KEYS = 16
READ = 16_384  # bytes of a row that keys are taken from
CUT = 1_024  # bytes of a row that are compared
TRIED = 8
LONG = 256  # bytes from which fewer candidates are compared: their keys tell them apart
BUDGET = 20_000
POSTINGS = 1 << 26
PART = 2.0  # edits that a cut counts for


class Counted(NamedTuple):
    """Rows, all different, and in how many of them each run of five bytes stands: `seen[key]`, shape (2**bits,)."""

    rows: Normal
    bits: int
    seen: npt.NDArray[np.uint32]


class Index(NamedTuple):
    """Where runs of bytes stand: in the rows `rows[begin[key] : begin[key + 1]]`, of `seen[key]` in all."""

    bits: int
    seen: npt.NDArray[np.uint32]
    begin: Ints
    rows: npt.NDArray[np.uint32]


class Nearest(NamedTuple):
    """What each query is nearest to, shape (n,). Distances are in bytes, and at most the query's length.

    row: the reference row that it is made of with the fewest edits, -1 for none; edits: how many; next:
    those of the second best row, so `next` much over `edits` means that no other row explains it. part:
    whether it is a part of that row. inner: the reference row that it holds, -1 for none, and its edits.
    Equal texts are passed over.
    """

    row: Ints
    edits: Floats
    next: Floats
    part: npt.NDArray[np.bool_]
    inner: Ints
    inner_edits: Floats


def counted(reference: Normal) -> Counted:
    """What `nearest` needs to know of a reference, for as many calls as one likes."""
    total = int((reference.stop - reference.start).sum())
    bits = min(22, max(12, total.bit_length() + 1))
    both = np.zeros((1 << bits, 2), np.uint32)
    _count(reference, bits, both)
    return Counted(reference, bits, both[:, 0].copy())


def nearest(queries: Normal, known: Counted) -> Nearest:
    """The nearest rows of a reference, by edits of the first 1,024 bytes.

    Memory: 16 bytes a row of the reference and core, 0.3 GB for the index at most, beside the texts.
    """
    n = len(queries.start)
    found = Nearest(
        np.full(n, -1, np.int64),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.bool_),
        np.full(n, -1, np.int64),
        np.zeros(n),
    )
    for low, high, index in _indexes(queries, known):

        def work(begin: int, end: int, low: int = low, index: Index = index) -> None:
            _search(queries, known.rows, index, low + begin, low + end, found)

        on_every_core(work, high - low)
    return found


def _indexes(queries: Normal, known: Counted) -> Iterator[tuple[int, int, Index]]:
    """Indexes of what stretches of the queries ask for, each of bounded size: the stretch's ends, and its index."""
    n, (reference, bits, seen) = len(queries.start), known
    if not n or not len(reference.start):
        return
    cost = np.zeros(n, np.int64)
    _ask(queries, bits, seen, (0, n), np.zeros(1 << bits, np.bool_), cost)
    stretch = np.cumsum(cost) // POSTINGS
    bounds = [0, *(np.flatnonzero(np.diff(stretch)) + 1).tolist(), n]
    for low, high in pairwise(bounds):
        asked, last = np.zeros(1 << bits, np.bool_), np.full(1 << bits, -1, np.int32)
        _ask(queries, bits, seen, (low, high), asked, cost)
        begin = np.concatenate([[0], np.cumsum(np.where(asked, seen, 0), dtype=np.int64)])
        rows = np.empty(int(begin[-1]), np.uint32)
        _post(reference, bits, np.packbits(asked, bitorder="little"), begin.copy(), last, rows)
        yield low, high, Index(bits, seen, begin, rows)


@kernel
def _keys(text: Any, row: Any, bits: Any, out: Any) -> Any:
    """The key of each run of five bytes of a row, in order; returns how many."""
    begin, stop = text.start[row], min(text.stop[row], text.start[row] + READ)
    word = np.uint64(0)
    for at in range(begin, stop):
        word = ((word << np.uint64(8)) | np.uint64(text.data[at])) & np.uint64(0xFFFFFFFFFF)
        out[max(at - begin - 4, 0)] = mix(word) >> np.uint64(64 - bits)
    return max(stop - begin - 4, 0)


@kernel
def _count(reference: Any, bits: Any, both: Any) -> None:
    """Beside how often a key was seen stands the row, plus one, where it was seen last: one place in memory."""
    keys = np.empty(READ, np.uint32)
    for row in range(len(reference.start)):
        for key in keys[: _keys(reference, row, bits, keys)]:
            new = both[key, 1] != row + 1
            both[key, 0] += np.uint32(new)
            both[key, 1] = row + 1


@kernel
def _ask(queries: Any, bits: Any, seen: Any, ends: Any, asked: Any, cost: Any) -> None:
    """Mark the keys of the queries from `ends[0]` to `ends[1]`, and say how many rows each query's stand in."""
    keys = np.empty(STRETCHES * KEYS, np.int64)
    room = np.empty(READ, np.uint32)
    for row in range(ends[0], ends[1]):
        cost[row] = 0
        for at in range(_rarest(queries, row, bits, seen, keys, room)):
            asked[keys[at]] = True
            cost[row] += seen[keys[at]]


@kernel
def _post(reference: Any, bits: Any, asked: Any, used: Any, last: Any, rows: Any) -> None:
    """`asked` is a bit a key, so that it stays near."""
    keys = np.empty(READ, np.uint32)
    for row in range(len(reference.start)):
        for key in keys[: _keys(reference, row, bits, keys)]:
            if (asked[key >> np.uint32(3)] >> np.uint8(key & np.uint32(7))) & 1 and last[key] != row:
                last[key] = row
                rows[used[key]] = row
                used[key] += 1


@kernel
def _rarest(queries: Any, row: Any, bits: Any, seen: Any, keys: Any, room: Any) -> Any:
    """The rarest keys of each stretch of a row that the reference has at all; returns how many."""
    length = _keys(queries, row, bits, room)
    if length <= 0:
        return 0
    stretches = min(STRETCHES, (length + STRETCH - 1) // STRETCH)
    most = max(KEYS // stretches, 6)
    used = 0
    for stretch in range(stretches):
        low, high = stretch * length // stretches, (stretch + 1) * length // stretches
        here = np.empty(high - low, np.int64)
        size = 0
        for key in room[low:high]:
            if seen[key] > 0:
                here[size] = (np.int64(seen[key]) << 24) | np.int64(key)
                size += 1
        here = np.sort(here[:size])
        first = used
        for at in range(size):
            if used - first < most and (at == 0 or here[at] != here[at - 1]):
                keys[used] = here[at] & 0xFFFFFF
                used += 1
    return used


@kernel
def _search(queries: Any, reference: Any, index: Any, low: Any, high: Any, found: Any) -> None:
    keys, room = np.empty(STRETCHES * KEYS, np.int64), np.empty(READ, np.uint32)
    weight = np.zeros(len(reference.start), np.float32)
    touched = np.empty(len(reference.start), np.uint32)
    tried = np.empty(2 * TRIED, np.int64)
    for row in range(low, high):
        n_keys = _rarest(queries, row, index.bits, index.seen, keys, room)
        n_touched = _meet(index, keys[:n_keys], weight, touched)
        _choose(queries.stop[row] - queries.start[row], reference, weight, touched[:n_touched], tried)
        weight[touched[:n_touched]] = 0.0
        _compare(queries, reference, row, tried, found)


@kernel
def _meet(index: Any, keys: Any, weight: Any, touched: Any) -> Any:
    """Weigh the keys that each row shares with the query, rarest first, until the budget is spent."""
    n_touched, spent = 0, 0
    for key in keys[np.argsort(index.seen[keys])]:
        seen = index.begin[key + 1] - index.begin[key]
        if spent > 0 and spent + seen > BUDGET:
            break
        spent += seen
        rare = np.float32(np.log(1.0 + len(weight) / seen))
        for place in range(index.begin[key], index.begin[key + 1]):
            row = index.rows[place]
            if weight[row] == 0.0:
                touched[n_touched] = row
                n_touched += 1
            weight[row] += rare
    return n_touched


@kernel
def _choose(length: Any, reference: Any, weight: Any, touched: Any, tried: Any) -> None:
    """The rows of the most weight, and those of the most weight for their length."""
    tried[:] = -1
    best = np.full(2 * TRIED, -1.0)
    for at in range(len(touched)):
        other = np.int64(touched[at])
        # For its length no row weighs more than for the query's.
        if weight[other] < best[TRIED - 1] and weight[other] / (length + 8.0) < best[2 * TRIED - 1]:
            continue
        longer = max(length, reference.stop[other] - reference.start[other])
        _insert(tried[:TRIED], best[:TRIED], other, weight[other])
        _insert(tried[TRIED:], best[TRIED:], other, weight[other] / (longer + 8.0))
    if length > LONG:
        tried[3:TRIED] = -1
        tried[TRIED + 3 :] = -1


@kernel
def _insert(rows: Any, best: Any, row: Any, value: Any) -> None:
    at = len(rows) - 1
    # Equal weights go by place, so that threads and blocks change nothing.
    if value < best[at] or (value == best[at] and rows[at] < row):
        return
    while at > 0 and (value > best[at - 1] or (value == best[at - 1] and row < rows[at - 1])):
        rows[at], best[at] = rows[at - 1], best[at - 1]
        at -= 1
    rows[at], best[at] = row, value


@kernel
def _compare(queries: Any, reference: Any, row: Any, tried: Any, found: Any) -> None:
    own = queries.data[queries.start[row] : min(queries.stop[row], queries.start[row] + CUT)]
    found.edits[row] = found.next[row] = len(own)
    most = 0.0
    for at in range(len(tried)):
        other = tried[at]
        if other < 0 or (at >= TRIED and np.any(tried[:TRIED] == other)):
            continue
        text = reference.data[reference.start[other] : min(reference.stop[other], reference.start[other] + CUT)]
        if len(text) == len(own) and np.all(text == own):
            continue
        edits, part = float(distance(own, text, False, False)), False
        if len(own) < len(text):
            within = distance(own, text, True, True) + PART
            edits, part = min(edits, within), within < edits
        elif len(text) < len(own):
            within = distance(text, own, True, True) + PART
            if len(text) / 2 - within > most:
                most = len(text) / 2 - within
                found.inner[row], found.inner_edits[row] = other, within
        if edits < found.edits[row]:
            found.next[row] = found.edits[row]
            found.row[row], found.edits[row], found.part[row] = other, edits, part
        elif edits < found.next[row]:
            found.next[row] = edits
