"""The pool as it is asked from: read by the one door, duplicates collapsed, held-out and labelled rows left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import InputError
from toolkit.near.components import greedy_keep
from toolkit.near.pairs import exact_groups, near_pairs, near_pairs_between
from toolkit.read import Progress, ReadOptions, locate, read
from toolkit.store.dataset import Dataset

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NEAR = 0.7
"""Jaccard of character 5-grams from which two requests are one question."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows of a data set by what is asked in them: the prompt, without a final answer and the system turns.

    row: ordinals (n,). text, label: Arrow strings, shape (n,); a label may be null. shown: `text` with the
    instruction that many rows share, which is left out where rows are compared.
    """

    data: Dataset
    row: Ints
    text: pa.ChunkedArray
    label: pa.ChunkedArray
    shown: pa.ChunkedArray

    def __len__(self) -> int:
        return len(self.row)

    @property
    def digest(self) -> str:
        return self.data.manifest.digest

    def ref(self, at: int) -> tuple[str, str]:
        """The text of one row and the row's name."""
        names = self.data.table(("ref",)).column("ref")
        return self.shown[at].as_py() or "", names[at].as_py()

    def bare(self, texts: Sequence[str]) -> list[str]:
        """Texts as these rows are compared."""
        found: list[str] = self.data.shared.without(pa.array(texts, pa.large_string())).to_pylist()
        return found

    def some(self, places: Ints) -> list[str]:
        return [text or "" for text in self.shown.take(pa.array(places)).to_pylist()]


class Left(NamedTuple):
    """Why pool rows are not asked, in rows: empty text, labelled already, asked before, held out or near it."""

    empty: int
    labelled: int
    asked: int
    held_out: int

    def words(self) -> str:
        told = zip(("empty", "labelled", "asked before", "held out or near it"), self, strict=True)
        return ", ".join(f"{count:,} {name}" for name, count in told if count) or "none left out"


@dataclass(frozen=True, slots=True)
class Eligible:
    """The texts that may be asked, one for each group of near-duplicates.

    place: their places in the pool's texts, sorted, shape (n,). of: for every pool row the index of the
    text that stands for it, -1 where it is left out. weight: requests that each stands for, shape (n,).
    """

    place: Ints
    of: Ints
    weight: npt.NDArray[np.float64]
    left: Left

    def only(self, stays: Bools, why: str = "held_out") -> Eligible:
        """Without the texts that do not stay, shape (n,). why: what they count as, `held_out` or `asked`."""
        index = np.where(stays, np.cumsum(stays) - 1, -1)
        of = np.where(self.of >= 0, index[self.of], -1)
        gone = int(((self.of >= 0) & (of < 0)).sum())
        left = self.left._replace(**{why: getattr(self.left, why) + gone})
        return Eligible(self.place[stays], of, self.weight[stays], left)


def texts_of(
    data: Any,
    folder: Path,
    reading: ReadOptions | None,
    progress: Progress | None = None,
    *,
    beside: Texts | None = None,
) -> Texts:
    """Read rows into `folder`. beside: those that they are compared with. Raises InputError where none can be read."""
    read(data, folder, reading, progress)
    found = Dataset(folder, beside.data if beside else None)
    if not found.n_rows:
        raise InputError(f"{locate(data).name} has no row that can be read", "give a file with a text in each row")
    table = found.table(("question", "label", "prompt"))
    columns = (table.column(name) for name in ("question", "label", "prompt"))
    return Texts(found, table.column("row").to_numpy(), *columns)


def known_of(
    data: Any, folder: Path, reading: ReadOptions | None, progress: Progress | None = None, *, beside: Texts
) -> Texts:
    """Read rows that are not to be asked: rows without a text would hold nothing back, and nobody would see it.

    Columns are those named for the pool where the rows have no known format. Raises InputError where no row has
    a text.
    """
    named = reading if reading is not None and reading.label else None
    found = texts_of(data, folder, named, progress, beside=beside)
    if _empty(found.text).all() and reading is not None and reading.text:
        found = texts_of(data, folder, ReadOptions(text=reading.text), progress, beside=beside)
    if _empty(found.text).all():
        columns = ", ".join(json.loads(next(found.data.batches(("raw",))).column("raw")[0].as_py()))[:300]
        what = f"no row of {locate(data).name} has a text, so it would keep nothing from being asked"
        raise InputError(what, f"name the columns as in the pool: --text, and --label for its labels, of {columns}")
    return found


def eligible(
    pool: Texts, count: npt.NDArray[np.float64], *, labelled: Texts | None, held_out: Sequence[Texts], asked: list[str]
) -> Eligible:
    """Which texts may be asked, by their letters alone; `count`: requests of each pool row, shape (n,).

    A text is left out where its like (a Jaccard of .7) is held out, labelled or asked before. Others
    that are alike become one, the most frequent.
    """
    first = exact_groups(pool.text)
    empty = _empty(pool.text)
    unique = np.flatnonzero((first == np.arange(len(first))) & ~empty)
    texts = pool.text.take(pa.array(unique))
    why = np.zeros(len(unique), np.int8)
    for code, others in (
        (3, [labelled.text] if labelled is not None else []),
        (2, [pa.chunked_array([pa.array(asked, pa.large_string())])]),
        (1, [each.text for each in held_out]),
    ):
        for other in others:
            if len(other):
                why[near_pairs_between(texts, other, threshold=NEAR).left] = code
    requests = np.bincount(first, count, minlength=len(first))[unique]
    kept, stands = _collapsed(texts, np.flatnonzero(why == 0), requests)
    of = np.full(len(first), -1, np.int64)
    place = np.full(len(first), -1, np.int64)
    place[unique] = stands
    of[~empty] = place[first[~empty]]
    by_unique = np.full(len(first), -1, np.int64)
    by_unique[unique] = np.arange(len(unique))
    codes = np.bincount(why[by_unique[first[~empty]]], minlength=4)
    weight = np.bincount(of[of >= 0], count[of >= 0], minlength=len(kept)).astype(np.float64)
    left = Left(int(empty.sum()), int(codes[3]), int(codes[2]), int(codes[1]))
    return Eligible(unique[kept], of, weight, left)


def _collapsed(texts: pa.ChunkedArray, free: Ints, requests: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """Of `texts` the places that stand for the free ones, and for every text its index among them, -1 for none."""
    stands = np.full(len(texts), -1, np.int64)
    if not len(free):
        return free, stands
    pairs = near_pairs(texts.take(pa.array(free)), threshold=NEAR)
    keep = greedy_keep(len(free), pairs.left, pairs.right, -requests[free])
    index = np.where(keep, np.cumsum(keep) - 1, -1)
    for one, other in ((pairs.left, pairs.right), (pairs.right, pairs.left)):
        through = ~keep[one] & keep[other]
        best = np.argsort(pairs.jaccard[through], kind="stable")
        index[one[through][best]] = (np.cumsum(keep) - 1)[other[through][best]]
    stands[free] = index
    return free[keep], stands


def _empty(texts: pa.ChunkedArray) -> Bools:
    stripped = pc.utf8_trim_whitespace(pc.fill_null(texts, ""))
    return np.asarray(pc.equal(stripped, "").to_numpy(zero_copy_only=False), np.bool_)
