"""A02: what more rows of the same kind would bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.stats.curve import Point

AHEAD = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """No rule of thumb says how many rows are enough for this task; the rows themselves can.

    A linear probe (multinomial logistic regression on sentence embeddings) learns from 10, 20, 40, 70 and
    100 % of the train rows, the smaller shares several times, and is judged on the held-out rows; under
    `few` of those in five folds over all rows, near-duplicates and groups never on both sides. A power law
    with a floor (Cortes et al. 1994; `stats.curve`) goes through the points, and a parametric bootstrap
    gives the score at other sizes with a 90 % interval: on held-back sizes of public sets
    `benchmarks/learning_curve.py` counts how often the truth lies in it.

    Found: `more-helps` (twice the rows bring over a point at the lower end of the interval), `flat` (under a
    point at the upper end: other rows, cleaner labels or a better model, not more of these), `unsure`.
    Facts are shares of right answers; those named 90 % have that interval, not the usual one.

    It speaks of a probe: a fine-tuned model may stand higher and bend elsewhere. It speaks of more rows of
    the same kind; rows of a region that is missing bring more. Rows without classes are not judged. Over
    `most` train rows are drawn down, and the curve is then read further out.
    """

    id: ClassVar[str] = "learning-curve"
    code: ClassVar[str] = "A02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "split"
    embeds: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("label", "question", "body", "group", "hash", "nth")

    few: int = 200
    least: int = 100
    folds: int = 5
    near: float = 0.7
    most: int = 6_000
    gain: float = 0.01
    seed: int = 0

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.learning import classes_of, labelled

        train = next((each for each in view.references if each.name == "train"), None)
        if train is None:
            raise NotApplicable("the rows are not split; run toolkit split")
        held, known = labelled(view, self.most), labelled(train, self.most)
        names = [*known.column("label").to_pylist(), *held.column("label").to_pylist()]
        if classes_of(names) < 2:
            raise NotApplicable("the rows have no classes; train on a quarter, a half and all of them to see a curve")
        if len(known) < self.least:
            raise NotApplicable(f"{len(known)} labelled train rows; under {self.least} show no curve")
        if view.encode is None:
            raise Skip("no embeddings; leave --no-embeddings out")
        yield from self._curve(view, known, held, train.n_rows)

    def _curve(self, view: View, known: pa.Table, held: pa.Table, rows: int) -> Iterator[Result]:
        from toolkit.near import learning

        assert view.encode is not None  # noqa: S101 - run has looked
        table = pa.concat_tables([known, held])
        label = np.unique(np.asarray(table.column("label").to_pylist(), str), return_inverse=True)[1].astype(np.int64)
        if len(held) >= self.few:
            folds = [learning.Fold(np.arange(len(known)), np.arange(len(known), len(table)))]
        else:
            folds = learning.cross_folds(label, learning.families(table, self.near), self.folds, seed=self.seed)
        found = learning.scores(
            learning.features(view.encode(table.column("question").to_pylist())), label, folds, seed=self.seed
        )
        if not found.converged:
            raise Skip("the probe did not converge")
        judged = sum(len(fold.test) for fold in folds)
        yield Fact("rows that the curve was judged on", float(judged), "rows")
        for point in found.points:
            yield Fact("probe accuracy with rows", float(np.mean(point.scores)), "share", str(point.rows))
        yield from self._read(found.points, rows)

    def _read(self, points: list[Point], rows: int) -> Iterator[Result]:
        from toolkit.stats.curve import gain_from_twice, predict

        try:
            told = gain_from_twice(points, rows=rows)
        except ValueError as failure:
            raise Skip(str(failure)) from failure
        for each in predict(points, [max(1, round(share * rows)) for share in AHEAD]):
            yield Fact("expected accuracy with rows, 90 %", each.score, "share", str(each.rows), each.low, each.high)
        yield Fact("gain from twice the rows, 90 %", 100 * told.gain, "points", "", 100 * told.low, 100 * told.high)
        kind = "more-helps" if told.low > self.gain else "flat" if told.high < self.gain else "unsure"
        message = (
            f"a linear probe names {told.now.score:.1%} of labels after {rows:,} rows; twice as many would add "
            f"{100 * told.gain:.1f} points (90 %: {100 * told.low:.1f} to {100 * told.high:.1f})"
        )
        yield Finding(None, 1.0, message, kind=kind, column="label")
