"""Vectors of texts from vectors of their words: hundreds of times cheaper than a sentence encoder, and coarser.

Each frequent word is embedded once by the encoder itself (and kept in its cache), reduced to 256 numbers
by its principal components, and weighted down when it is common; a text is the sum of its words. They agree
poorly with the encoder on what is a paraphrase, so they propose pairs and never decide on one.
Source: weights by frequency as in SIF (Arora et al. 2017), distillation as in model2vec (Minish Lab
2024), but of the words of this data set in place of the tokens of a model. Rare words get random vectors, so
that two names are not the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.compiled import kernel
from toolkit.near.cores import side_by_side
from toolkit.near.normal import Normal, normalise
from toolkit.near.shingles import FACTOR, mix

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], npt.NDArray[Any]]

DIM = 256
FREQUENT = 12_000
SEEN = 2
RARE = 4_096
COMMON = 1e-3
BATCH = 16_384
MOST_WORDS = 1 << 22


class Words(NamedTuple):
    """Different words as slots of a hash table. key: 0 for a free slot; how often seen; where each first stands."""

    key: npt.NDArray[np.uint64]
    seen: Ints
    start: Ints
    stop: Ints


def static_vectors(texts: pa.Array | pa.ChunkedArray, encode: Encode) -> npt.NDArray[np.float16]:
    """Vectors of length 1 of every row, float16, shape (n, at most 256); a row without a word is zero."""
    rows = normalise(texts)
    words = _counted(rows)
    number, vectors = _learned(rows, words, encode)
    out = np.empty((len(rows.start), vectors.shape[1]), np.float16)
    mean = _mean(rows, words.key, number, vectors)

    def fill(low: int) -> None:
        sums = _summed(rows, low, min(low + BATCH, len(out)), words.key, number, vectors)
        out[low : low + BATCH] = _unit(sums, mean)

    side_by_side(fill, range(0, len(out), BATCH))
    return out


def _counted(rows: Normal) -> Words:
    """Every different word of the rows; past four million of them new ones are no longer told apart."""
    words, row = _room(1 << 16), 0
    while True:
        row = _count(rows.data, rows.start, rows.stop, row, words.key, words.seen, words.start, words.stop)
        if row >= len(rows.start):
            return words
        if len(words.key) >= 2 * MOST_WORDS:
            return words
        larger = _room(4 * len(words.key))
        _move(words, larger)
        words = larger


def _room(slots: int) -> Words:
    return Words(np.zeros(slots, np.uint64), *(np.zeros(slots, np.int64) for _ in range(3)))


def _learned(rows: Normal, words: Words, encode: Encode) -> tuple[npt.NDArray[np.int32], Floats]:
    """The number of each slot's vector, and the vectors: of frequent words, then the random ones of rare words."""
    slots = np.flatnonzero(words.seen >= SEEN)
    spelled = [rows.data[words.start[at] : words.stop[at]].tobytes().decode("utf-8", "replace") for at in slots]
    order = sorted(range(len(slots)), key=lambda at: (-words.seen[slots[at]], spelled[at]))[:FREQUENT]
    chosen = slots[np.array(order, np.int64)]
    rare = np.random.default_rng(0).normal(size=(RARE, DIM)).astype(np.float32)
    share = words.seen[chosen] / max(1, words.seen.sum())
    known = _reduced(np.asarray(encode([spelled[at] for at in order]), np.float64), share) if order else rare[:0]
    rare = rare[:, : known.shape[1]]
    rare /= np.linalg.norm(rare, axis=1, keepdims=True)
    number = (len(chosen) + (words.key >> np.uint64(52)).astype(np.int64)).astype(np.int32)
    number[chosen] = np.arange(len(chosen), dtype=np.int32)
    known *= (COMMON / (COMMON + share)).astype(np.float32)[:, None]
    return number, np.ascontiguousarray(np.concatenate([known, rare]), np.float32)


def _reduced(vectors: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> Floats:
    """The principal components of word vectors, of length 1 again, shape (n, at most 256)."""
    weight = COMMON / (COMMON + share)
    centred = vectors - np.average(vectors, axis=0, weights=weight)
    _, axes = np.linalg.eigh((centred * weight[:, None]).T @ centred)
    found = centred @ axes[:, ::-1][:, :DIM]
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 1e-6, length, 1), np.float32)


def _mean(rows: Normal, key: Any, number: Any, vectors: Floats) -> Floats:
    """What the rows have in common, from a sample spread over them: it would make all of them look alike."""
    step = max(1, len(rows.start) // BATCH)
    sample = Normal(rows.data, rows.start[::step], rows.stop[::step])
    sums = _summed(sample, 0, len(sample.start), key, number, vectors)
    found = _unit(sums, np.zeros(vectors.shape[1], np.float32))
    return np.asarray(found.mean(axis=0) if len(found) else np.zeros(vectors.shape[1]), np.float32)


def _summed(rows: Normal, low: int, high: int, key: Any, number: Any, vectors: Floats) -> Floats:
    sums = np.zeros((high - low, vectors.shape[1]), np.float32)
    _sum(rows.data, rows.start[low:high], rows.stop[low:high], key, number, vectors, sums)
    return sums


def _unit(sums: Floats, mean: Floats) -> Floats:
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    some = length > 1e-6
    found = sums / np.where(some, length, 1) - mean * some
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 1e-6, length, 1), np.float32)


@kernel
def _word(data: Any, at: Any, stop: Any) -> Any:
    """The next word from `at` on: its hash, where it starts and where it stops; starts at `stop` for none.

    A word is a run of letters and digits; a character of three bytes from U+3000 on (Chinese,
    Japanese, Korean) is one by itself.
    """
    while at < stop and not _letter(data[at]):
        at += 1
    begin, value = at, np.uint64(1)
    while at < stop and _letter(data[at]):
        alone = 0xE3 <= data[at] <= 0xED
        if alone and at > begin:
            break
        value = (value ^ np.uint64(data[at])) * FACTOR
        value ^= value >> np.uint64(29)
        at += 1
        if alone:
            while at < stop and data[at] & 0xC0 == 0x80:
                value = (value ^ np.uint64(data[at])) * FACTOR
                value ^= value >> np.uint64(29)
                at += 1
            break
    return mix(value) | np.uint64(1), begin, at


@kernel
def _letter(byte: Any) -> Any:
    return byte > 127 or 97 <= byte <= 122 or 48 <= byte <= 57


@kernel
def _slot(key: Any, value: Any) -> Any:
    """Where the key stands, or the free slot where it would."""
    mask = np.uint64(len(key) - 1)
    slot = (value >> np.uint64(7)) & mask
    while key[slot] != 0 and key[slot] != value:
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def _count(data: Any, start: Any, stop: Any, row: Any, key: Any, count: Any, first: Any, last: Any) -> Any:
    """Count words from `row` on; returns the row at which the table is half full."""
    used = 0
    for slot in range(len(key)):
        used += key[slot] != 0
    while row < len(start):
        if 2 * used > len(key):
            return row
        at = start[row]
        while at < stop[row]:
            value, begin, at = _word(data, at, stop[row])
            if begin == at:
                break
            slot = _slot(key, value)
            if key[slot] == 0:
                if 4 * used > 3 * len(key):  # one row alone may hold more words than the table
                    continue
                key[slot], first[slot], last[slot] = value, begin, at
                used += 1
            count[slot] += 1
        row += 1
    return row


@kernel
def _move(old: Any, new: Any) -> None:
    for slot in range(len(old.key)):
        if old.key[slot] != 0:
            place = _slot(new.key, old.key[slot])
            new.key[place], new.seen[place] = old.key[slot], old.seen[slot]
            new.start[place], new.stop[place] = old.start[slot], old.stop[slot]


@kernel
def _sum(data: Any, start: Any, stop: Any, key: Any, number: Any, vectors: Any, out: Any) -> None:
    rare = len(vectors) - RARE
    for row in range(len(start)):
        at = start[row]
        total = out[row]
        while at < stop[row]:
            value, begin, at = _word(data, at, stop[row])
            if begin == at:
                break
            slot = _slot(key, value)
            of = number[slot] if key[slot] == value else rare + np.int64(value >> np.uint64(52))
            vector = vectors[of]
            for place in range(len(total)):
                total[place] += vector[place]
