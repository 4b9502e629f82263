"""What a queue is made from: the pool, what is labelled and held out, vectors, and how hard each text is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.near.cover import nearest
from toolkit.near.pool import Pool
from toolkit.read import Progress, ReadOptions, locate
from toolkit.sample.asked import apart_from, asked_before
from toolkit.sample.hard import Head, Judged, Said, by_text, combined, head, judged, said
from toolkit.sample.rows import Eligible, Texts, eligible, known_of, texts_of
from toolkit.sample.seek import sought, sought_first

Floats = npt.NDArray[np.floating]
SURE = "margin of a classifier on the labelled rows"


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How to choose. goal: `train`, or `heldout` for a draw of real use that a model is judged on.

    strategy: a sampler, or `auto`. audit: the share of the queue that is drawn by chance. novel: the most
    that may be of a new topic. near: the cosine from which a text counts as held out. vectors: a `.npy` file
    of unit vectors by the same encoder, a row for each record of the pool; it is memory-mapped. seek: a
    readiness report, whose small classes are sought.
    """

    strategy: str = "auto"
    goal: str = "train"
    audit: float = 0.1
    novel: float = 0.25
    near: float = 0.9
    seed: int = 0
    vectors: str = ""
    seek: str = ""

    def check(self) -> None:
        """Raises UsageError for options that cannot be meant."""
        if self.goal not in ("train", "heldout"):
            raise UsageError(f"a queue for '{self.goal}'", "--for train or --for heldout")
        for name in ("audit", "novel", "near"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} of {getattr(self, name)} is not a share", "a number from 0 to 1")
        if self.strategy != "auto":
            parts.part("samplers", self.strategy)


@dataclass(frozen=True, slots=True)
class Given:
    """What a user gave. train: labelled rows, None for a cold start. exclude: data that is never asked.

    asked: earlier queues, and files of decisions by `toolkit label`.
    reading: how the pool is read, and, where it names a label column, the labelled rows.
    """

    pool: Any
    train: Any = None
    exclude: tuple[Any, ...] = ()
    asked: tuple[str | Path, ...] = ()
    reading: ReadOptions | None = None
    options: SampleOptions = field(default_factory=SampleOptions)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read and made of it. may: who may be asked; ready: the same texts as a sampler sees them.

    signals: what hardness is made of, in words; empty at a cold start. excluded: the data that is never asked.
    sought: classes of which more is wanted.
    """

    pool: Texts
    labelled: Texts | None
    excluded: tuple[Texts, ...]
    may: Eligible
    ready: Pool
    head: Head | None
    signals: tuple[str, ...]
    sought: tuple[str, ...] = ()


def look(given: Given, folder: Path, encode: Any, progress: Progress | None = None) -> Seen:
    """Read everything into `folder`. Raises InputError for what cannot be read, UsageError where nothing is left."""
    pool = texts_of(given.pool, folder / "pool", _unlabelled(given.reading), progress)
    labelled = (
        None
        if given.train is None
        else known_of(given.train, folder / "labelled", given.reading, progress, beside=pool)
    )
    held = tuple(
        known_of(each, folder / f"exclude-{at}", _unlabelled(given.reading), progress, beside=pool)
        for at, each in enumerate(given.exclude)
    )
    earlier = asked_before(given.asked)
    wanted = sought(Path(given.options.seek)) if given.options.seek else ()
    signs = said(pool.data, encode)
    may = eligible(pool, signs.requests, labelled=labelled, held_out=held, asked=pool.bare(earlier.texts))
    vectors = _vectors(pool, may, given.options.vectors, encode)
    may, vectors = _apart(may, vectors, _encoded(held, encode), given.options.near)
    known = _encoded([labelled] if labelled is not None else [], encode)
    if earlier.rejected and len(vectors):
        stays = apart_from(vectors, np.asarray(encode(pool.bare(earlier.rejected))), known)
        may, vectors = may.only(stays, "asked"), vectors[stays]
    if not len(may.place):
        raise UsageError(f"no row of {locate(given.pool).name} is left to ask: {may.left.words()}", "give new rows")
    made = _head(labelled, known, given.options.seed)
    told = judged(made, vectors) if made is not None else None
    hard, names = _hardness(may, vectors, known, told, signs)
    if wanted:
        hard = sought_first(hard, made, vectors, wanted)
        names = (*names, "classes that lack rows")
    ready = Pool(vectors, known if len(known) else vectors[:0], hard, may.weight, None if told is None else told.label)
    if made is not None and _wants_shares(given.options.strategy):
        ready = replace(ready, shares=made.shares(vectors).astype(np.float32))
    return Seen(pool, labelled, held, may, ready, made, names, wanted)


def _unlabelled(reading: ReadOptions | None) -> ReadOptions | None:
    """Reading options for a pool: it has no labels yet."""
    return None if reading is None else replace(reading, label="")


def _wants_shares(strategy: str) -> bool:
    return strategy != "auto" and bool(getattr(parts.part("samplers", strategy), "shares", False))


def _encoded(sides: Sequence[Texts], encode: Any) -> Floats:
    """The vectors of all texts of some data sets, one after another; shape (0, 0) for none."""
    found = [encode([text or "" for text in each.text.to_pylist()]) for each in sides if len(each)]
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)


def _vectors(pool: Texts, may: Eligible, file: str, encode: Any) -> Floats:
    """Vectors of the texts that may be asked, shape (n, d); from the file as they lie there, where one is named."""
    if not file:
        return np.asarray(encode(pool.some(may.place)))
    try:
        found = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as failure:
        raise InputError(
            f"{file} is no array of vectors: {failure}", "save it with numpy.save, float16 or float32"
        ) from (failure)
    records = pool.data.manifest.rows + pool.data.manifest.rejects
    if found.ndim != 2 or len(found) != records or found.dtype not in (np.float16, np.float32):
        what = f"{file} holds {found.dtype} of the shape {found.shape}, the pool has {records:,} records"
        raise InputError(what, "a row of float16 or float32 for each record of the pool, in its order")
    rows = pool.row[may.place]
    return found if len(rows) == len(found) else np.asarray(found[rows])


def _apart(may: Eligible, vectors: Floats, held: Floats, near: float) -> tuple[Eligible, Floats]:
    """Without the texts that mean the same as a held-out one."""
    if not len(held) or not len(vectors):
        return may, vectors
    if held.shape[1] != vectors.shape[1]:
        what = f"the vectors of the pool have {vectors.shape[1]} numbers, those of the encoder {held.shape[1]}"
        raise InputError(what, "name the encoder of the file with --encoder")
    stays = nearest(vectors, held).cosine < near
    return (may, vectors) if stays.all() else (may.only(stays), vectors[stays])


def _head(labelled: Texts | None, known: Floats, seed: int) -> Head | None:
    """A classifier on the labelled rows, where they have labels that several rows share."""
    labels = [] if labelled is None else labelled.label.to_pylist()
    some = np.array([label is not None and label != "" for label in labels], np.bool_)
    names = [label for label in labels if label]
    if some.sum() < 2 or len(set(names)) > some.sum() / 2 + 1:
        return None
    return head(known[some], names, seed=seed)


def _hardness(
    may: Eligible, vectors: Floats, known: Floats, told: Judged | None, signs: Said
) -> tuple[npt.NDArray[np.float64] | None, tuple[str, ...]]:
    """Hardness from what there is, and the names of what it is made of; None and () where there is nothing."""
    n = len(may.place)
    found = {SURE: told.hardness} if told is not None else {}
    found |= {name: by_text(values, may.of, n) for name, values in signs.present().items()}
    bad = np.zeros(n, np.bool_)
    bad[may.of[(may.of >= 0) & signs.bad]] = True
    if not found and len(known):
        found = {"distance to the nearest labelled row": 1 - nearest(vectors, known).cosine.astype(np.float64)}
    if not found and not bad.any():
        return None, ()
    hard = combined(list(found.values()) or [np.zeros(n)], bad)
    return hard, (*found, *(["feedback"] if bad.any() else []))
