"""What was asked before: the rows of earlier queues, and what `toolkit label` has decided, refusals among it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.cover import nearest
from toolkit.sample.queue import read_queue
from toolkit.store import labels

LIKE = 0.6
"""Cosine from which a row that is nearest to a rejected one is of its cluster. With 4 of 25 rows of each of 15
intents rejected, this leaves out 52 to 60 % of the rest of them and .2 to .4 % of 135 other intents."""


class Asked(NamedTuple):
    """texts: of rows that are settled or stand in an earlier queue. rejected: those of them that nobody is to see."""

    texts: list[str]
    rejected: list[str]


def asked_before(paths: Iterable[str | Path]) -> Asked:
    """From queues and files of decisions. Skipped and disputed rows of the latter may be asked again.

    Raises InputError for a file that is neither.
    """
    texts: list[str] = []
    rejected: list[str] = []
    for path in map(Path, paths):
        if not labels.is_labels(path):
            texts += [row.text for row in read_queue(path)]
            continue
        settled = [
            each for each in labels.current(labels.read(path)).values() if each.status in ("answered", "rejected")
        ]
        texts += [each.text for each in settled]
        rejected += [each.text for each in settled if each.status == "rejected"]
    return Asked(texts, rejected)


def apart_from(
    vectors: npt.NDArray[np.floating], rejected: npt.NDArray[np.floating], known: npt.NDArray[np.floating]
) -> npt.NDArray[np.bool_]:
    """Which rows are of no rejected cluster, shape (n,): nearer to a labelled row than to a rejected one, or far."""
    like = nearest(vectors, rejected).cosine
    stays = like < LIKE
    return stays if not len(known) else stays | (nearest(vectors, known).cosine >= like)
