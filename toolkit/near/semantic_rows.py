"""Pairs of texts with nearly the same meaning, and the null distribution that says how near is near.

Up to `full` different texts are all embedded. Of more, static vectors propose pairs, the best of them until
`full` texts are in one, and the encoder looks at those: it decides in either case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.near.groups import groups_of
from toolkit.near.normal import normalise
from toolkit.near.semantic import SemanticPairs, semantic_pairs
from toolkit.near.static import static_vectors

Ints = npt.NDArray[np.int64]
Encode = Callable[[Sequence[str]], npt.NDArray[Any]]

PIECE = 1_000
PIECES = 4
PROPOSED = (0.85, 0.7, 0.55)
SAMPLE = 1_000
CHUNK = 65_536
NEARNESS = 0.11
BOUNDS = (0.88, 0.99)
USUAL = 0.9
FEW = 1_000
ACROSS = 0.05
STEP = 0.01
QUANTILES = (0.5, 0.9, 0.99, 0.999)


class Meanings(NamedTuple):
    """Pairs of row numbers of different texts. embedded: how many texts the encoder saw, of `texts` different ones.

    null: cosines of random pairs, or of random pairs with two labels where there are labels, sorted.
    """

    pairs: SemanticPairs
    null: npt.NDArray[np.float32]
    embedded: int
    texts: int


class Threshold(NamedTuple):
    """The cosine to report pairs from; of those pairs the share whose labels differ (nan without labels).

    false_pairs: how many of them are false, if false ones were as frequent within labels as across them.
    """

    cosine: float
    across: float
    false_pairs: float = 0.0


def meanings(texts: pa.ChunkedArray, labels: Ints, encode: Encode, *, full: int, floor: float) -> Meanings:
    """Pairs with a cosine of at least `floor`. labels: a code for each row, shape (n,), -1 for none."""
    rows = normalise(texts)
    first, hashes = groups_of(rows)
    own = np.flatnonzero((first == np.arange(len(rows.start))) & (rows.stop > rows.start))
    own = own[np.argsort(hashes[own], kind="stable")]  # nothing depends on the order of the file
    if len(own) <= full:
        chosen = own
        found = semantic_pairs(embedded(texts, chosen, encode), threshold=floor)
    else:
        chosen, proposed = _proposed(texts, own, encode, full)
        found = _decided(embedded(texts, chosen, encode), proposed, floor)
    one, other = chosen[found.left], chosen[found.right]
    pairs = SemanticPairs(np.minimum(one, other), np.maximum(one, other), found.cosine)
    sample = own[:SAMPLE]
    return Meanings(pairs, _null(embedded(texts, sample, encode), labels[sample]), len(chosen), len(own))


def embedded(texts: pa.ChunkedArray, rows: Ints, encode: Encode) -> npt.NDArray[np.float32]:
    """Unit vectors of some rows. Of a long text it is the mean of up to four pieces, as an encoder reads few words."""
    pieces = [_pieces(text or "") for text in texts.take(pa.array(rows)).to_pylist()]
    flat = np.asarray(encode([piece for each in pieces for piece in each]), np.float32)
    begin = np.concatenate([[0], np.cumsum([len(each) for each in pieces])])[:-1].astype(np.int64)
    summed = np.add.reduceat(flat, begin) if len(pieces) else flat
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    return np.asarray(summed / np.where(length > 0, length, 1), np.float32)


def calibrated(found: Meanings, labels: Ints, judged: npt.NDArray[np.bool_], *, fixed: float = 0.0) -> Threshold:
    """How near is near in this data set.

    Random pairs have a median distance (one less the cosine); a duplicate is within .11 of that. So where all
    rows are about one thing, or an encoder puts all texts close together, more is asked. With labels it
    rises further until at most one reported pair in twenty has two labels. judged: pairs that may count.
    fixed: the cosine, where it is known. Under a thousand random pairs it is .9.
    """
    cosine = USUAL
    if len(found.null) >= FEW:
        cosine = float(np.clip(round(1 - NEARNESS * (1 - float(np.median(found.null))), 2), *BOUNDS))
    cosine = fixed or cosine
    one, other = labels[found.pairs.left[judged]], labels[found.pairs.right[judged]]
    known, cosines = (one >= 0) & (other >= 0), found.pairs.cosine[judged]
    while True:
        here = known & (cosines >= cosine)
        across = float((one != other)[here].mean()) if here.any() else float("nan")
        if fixed or not across > ACROSS or cosine >= BOUNDS[1]:
            differ = int((one != other)[here].sum())
            return Threshold(cosine, across, differ / max(_crossing(labels), 1e-9))
        cosine = round(cosine + STEP, 2)


def _crossing(labels: Ints) -> float:
    """The share of pairs of labelled rows that have two labels."""
    counts = np.bincount(labels[labels >= 0]).astype(np.float64)
    return float(1 - (counts**2).sum() / max(counts.sum(), 1) ** 2)


def _pieces(text: str) -> list[str]:
    if len(text) <= PIECE:
        return [text]
    count = min(PIECES, -(-len(text) // PIECE))
    starts = np.linspace(0, len(text) - PIECE, count).astype(int).tolist()
    return [text[at : at + PIECE] for at in starts]


def _proposed(texts: pa.ChunkedArray, own: Ints, encode: Encode, full: int) -> tuple[Ints, Ints]:
    """The rows in the most promising pairs, and those pairs as places among these rows, shape (n_pairs, 2)."""
    vectors = static_vectors(texts.take(pa.array(own)), encode)
    for threshold in PROPOSED:  # a low one at once would be a great many pairs in a large set
        pairs = semantic_pairs(vectors, threshold=threshold)
        if len(np.union1d(pairs.left, pairs.right)) >= full:
            break
    both = np.stack([pairs.left, pairs.right], axis=1)[np.argsort(-pairs.cosine, kind="stable")]
    _, first = np.unique(both, return_index=True)
    enough = np.sort(first)[full] // 2 if len(first) > full else len(both)
    rows, place = np.unique(both[:enough], return_inverse=True)
    return own[rows], place.reshape(-1, 2)


def _decided(vectors: npt.NDArray[np.float32], proposed: Ints, floor: float) -> SemanticPairs:
    left, right = proposed.T
    cosine = np.empty(len(left), np.float32)
    for at in range(0, len(left), CHUNK):
        part = slice(at, at + CHUNK)
        cosine[part] = np.einsum("ij,ij->i", vectors[left[part]], vectors[right[part]])
    near = cosine >= floor
    return SemanticPairs(left[near], right[near], np.minimum(cosine[near], 1))


def _null(vectors: npt.NDArray[np.float32], labels: Ints) -> npt.NDArray[np.float32]:
    if len(vectors) < 2:
        return np.empty(0, np.float32)
    left, right = np.triu_indices(len(vectors), 1)
    across = (labels[left] != labels[right]) | (labels[left] < 0)
    cosine = (vectors @ vectors.T)[left, right]
    return np.asarray(np.sort(cosine[across] if across.any() else cosine), np.float32)
