"""The rows that the ladder climbs with: train to learn and show from, dev to choose, held-out to tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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
    """Rows in the order of their contents' hash. alike: one number for rows that are near-duplicates, shape (n,).

    labels: of free answers the answers.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    alike: Ints


class Material(NamedTuple):
    """The three parts. classes: the labels of train, sorted; no other can be named right. Of free answers none."""

    train: Part
    dev: Part
    heldout: Part
    classes: tuple[str, ...]


def material(folder: RunFolder, *, rows: int, free: bool = False) -> Material:
    """At most `rows` dev rows, 1,000 held-out and 10,000 train rows of a run that is split in three.

    free: take answers for what they are, texts to be judged; else they are classes.
    Raises UsageError where the split or its dev rows are missing, or where the rows have no classes.
    """
    split = load_split(folder)
    if split is None or "dev" not in split.parts:
        what = f"{folder.path} has no dev rows: what is chosen on held-out rows cannot be measured on them"
        raise UsageError(what, f"toolkit split {folder.path} --dev 0.1 --heldout 0.2")
    made = _free if free else _labelled
    train, dev, heldout = made(split.train, TRAIN), made(split.parts["dev"], rows), made(split.heldout, HELD_OUT)
    if free and min(len(each.texts) for each in (train, dev, heldout)) >= 2:
        return Material(train, dev, heldout, ())
    if free:
        what = f"{folder.path} has no answers in train, dev and held-out rows that a judge could compare with"
        raise UsageError(what, "give rows with a prompt and an answer: messages, alpaca, prompt and completion")
    if classes_of(train.labels) < 2 or min(len(dev.texts), len(heldout.texts)) < 2:
        what = (
            f"{folder.path} has no classes in train, dev and held-out rows, and without --judge only labels are scored"
        )
        raise UsageError(
            what, "add --model openai:NAME --judge openai:OTHER, who compares free answers with the rows' own"
        )
    return Material(train, dev, heldout, tuple(sorted(set(train.labels))))


def _labelled(part: SplitPart, most: int) -> Part:
    table = labelled(View(part.data, (*COLUMNS, "hash", "nth"), part.keep), most)
    return _part(table, table.column(COLUMNS[1]), table.column("label"), apart=most != TRAIN)


def _free(part: SplitPart, most: int) -> Part:
    """Rows with a prompt and an answer; of a conversation all turns before the last answer are the prompt."""
    view = View(part.data, ("prompt", "answer", "body", "group", "hash", "nth"), part.keep)
    table = view.table(*view.reads)
    table = table.filter(pc.and_(_said(table.column("prompt")), _said(table.column("answer"))))
    order = np.lexsort((table.column("nth").to_numpy(), table.column("hash").to_numpy()))
    table = table.take(pa.array(order[:most]))
    return _part(table, table.column("prompt"), table.column("answer"), apart=most != TRAIN)


def _said(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(pc.fill_null(texts, ""))), 0)


def _part(table: pa.Table, texts: pa.ChunkedArray, labels: pa.ChunkedArray, *, apart: bool) -> Part:
    alike = families(table, ALIKE) if apart else np.arange(len(table), dtype=np.int64)
    return Part(tuple(text or "" for text in texts.to_pylist()), tuple(labels.to_pylist()), alike)
