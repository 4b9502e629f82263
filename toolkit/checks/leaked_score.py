"""L05: how much of the held-out score comes from rows that train knows nearly word for word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LEAST = 10
POINTS = 0.04


@dataclass(frozen=True, slots=True)
class LeakedScore:
    """A held-out score is a mixture: of one public test set a classifier names 95 % of the rows that have a near
    row in train, and 84 % of the others.

    A linear probe on sentence embeddings learns from the train rows and names the labels of the held-out
    ones. Each held-out row has the TF-IDF cosine (runs of three bytes) of its nearest train row. Facts: the
    share named right of all rows, of those with a cosine of `similar` and more, and of the rest, each with a
    Wilson interval; and by cosine, which is the leak curve of the report. Found: `lifted`, when the rest scores
    lower than all rows together; the score is that difference, 1 at four points.

    It is the probe's score, not that of the model that will be trained: a large model may profit more from
    what it has seen. A row that is near in meaning only counts as clean (`semantic-leak` looks for those).
    `sample` held-out rows are compared; at most `most` train rows are learned from.
    """

    id: ClassVar[str] = "leaked-score"
    code: ClassVar[str] = "L05"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "split"
    embeds: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("label", "question", "body", "group", "hash", "nth")

    similar: float = 0.9
    sample: int = 1000
    most: int = 10_000
    least: int = 50

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.learning import classes_of, labelled

        train = next((each for each in view.references if each.name == "train"), None)
        if train is None:
            raise NotApplicable("the rows are not split; run toolkit split")
        held, known = labelled(view, self.sample), labelled(train, self.most)
        names = [*known.column("label").to_pylist(), *held.column("label").to_pylist()]
        if classes_of(names) < 2:
            raise NotApplicable("the rows have no classes, so no probe can name them")
        if min(len(held), len(known)) < self.least:
            few = f"{len(held)} held-out and {len(known)} train rows with a label"
            raise NotApplicable(f"{few}; {self.least} of each at least are needed")
        if view.encode is None:
            raise Skip("no embeddings; leave --no-embeddings out")
        yield from self._apart(_hits(view, known, held), _nearest(held, train))

    def _apart(self, hits: np.ndarray, cosine: np.ndarray) -> Iterator[Result]:
        near = cosine >= self.similar
        for name, some in (("all", np.ones(len(hits), bool)), ("similar", near), ("the rest", ~near)):
            yield from _rate("probe accuracy of held-out rows", hits[some], name)
        for low, high in pairwise(EDGES):
            some = (cosine >= low) & ((cosine < high) | (high == EDGES[-1]))
            yield from _rate("probe accuracy by nearest train row", hits[some], f"{low:.1f} to {high:.1f}")
        rest = hits[~near]
        if min(int(near.sum()), len(rest)) < LEAST:
            return
        lift = float(hits.mean() - rest.mean())
        message = (
            f"a linear probe names {hits.mean():.1%} of held-out labels: {hits[near].mean():.1%} of the {near.sum():,} "
            f"rows that have a near row in train, {rest.mean():.1%} of the other {len(rest):,}. Report the last"
        )
        yield Finding(None, float(np.clip(lift / POINTS, 0, 1)), message, kind="lifted", column="label")


def _rate(name: str, hits: np.ndarray, group: str) -> Iterator[Fact]:
    from toolkit.stats.intervals import wilson

    yield Fact(f"rows: {name}", float(len(hits)), "rows", group)
    if len(hits):
        found = wilson(int(hits.sum()), len(hits))
        yield Fact(name, float(hits.mean()), "share", group, found.low, found.high)


def _hits(view: View, known: pa.Table, held: pa.Table) -> np.ndarray:
    """Which held-out rows the probe names right, shape (n_held,)."""
    from toolkit.near import learning

    assert view.encode is not None  # noqa: S101 - run has looked
    names = [*known.column("label").to_pylist(), *held.column("label").to_pylist()]
    found, code = np.unique(np.asarray(names, str), return_inverse=True)
    rows = learning.features(view.encode([*known.column("question").to_pylist(), *held.column("question").to_pylist()]))
    at = len(known)
    hits, converged = learning.named_right(rows[:at], code[:at], rows[at:], code[at:], classes=len(found))
    if not converged:
        raise Skip("the probe did not converge")
    return hits


def _nearest(held: pa.Table, train: View) -> np.ndarray:
    """The cosine of each held-out row's nearest train row, shape (n_held,)."""
    from toolkit.near.cross import crossing

    blocks = (pa.chunked_array([batch.column("body")]) for batch in train.batches("body"))
    return crossing(held.column("body"), blocks).cosine
