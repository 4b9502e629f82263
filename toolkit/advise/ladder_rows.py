"""The labelled rows that the ladder climbs with: train to learn and show from, dev to choose, held-out to tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import UsageError
from toolkit.near.learning import COLUMNS, classes_of, families, labelled
from toolkit.split import SplitPart, load_split
from toolkit.store.folder import RunFolder
from toolkit.store.view import View

Ints = npt.NDArray[np.int64]

TRAIN = 10_000
HELD_OUT = 1_000
ALIKE = 0.8


class Part(NamedTuple):
    """Rows in the order of their contents' hash. alike: one number for rows that are near-duplicates, shape (n,)."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    alike: Ints


class Material(NamedTuple):
    """The three parts. classes: the labels of train, sorted; no other label can be named right."""

    train: Part
    dev: Part
    heldout: Part
    classes: tuple[str, ...]


def material(folder: RunFolder, *, rows: int) -> Material:
    """At most `rows` dev rows, 1,000 held-out and 10,000 train rows of a run that is split in three.

    Raises UsageError where the split or its dev rows are missing, or where the rows have no classes.
    """
    split = load_split(folder)
    if split is None or "dev" not in split.parts:
        what = f"{folder.path} has no dev rows: what is chosen on held-out rows cannot be measured on them"
        raise UsageError(what, f"toolkit split {folder.path} --dev 0.1 --heldout 0.2")
    train, dev = _part(split.train, TRAIN, apart=False), _part(split.parts["dev"], rows)
    heldout = _part(split.heldout, HELD_OUT)
    if classes_of(train.labels) < 2 or min(len(dev.texts), len(heldout.texts)) < 2:
        what = f"{folder.path} has no classes to name in train, dev and held-out rows: the ladder scores labels only"
        raise UsageError(what, "toolkit compare BEFORE AFTER --heldout FILE scores free answers of two models")
    return Material(train, dev, heldout, tuple(sorted(set(train.labels))))


def _part(part: SplitPart, most: int, *, apart: bool = True) -> Part:
    table = labelled(View(part.data, (*COLUMNS, "hash", "nth"), part.keep), most)
    alike = families(table, ALIKE) if apart else np.arange(len(table), dtype=np.int64)
    return Part(tuple(text or "" for text in table.column("prompt").to_pylist()), _labels(table), alike)


def _labels(table: object) -> tuple[str, ...]:
    return tuple(table.column("label").to_pylist())  # type: ignore[attr-defined]  # pyarrow has no stubs
