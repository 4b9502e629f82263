"""A05: an estimate from all rows, where the held-out rows are too few to say much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

MANY = 1000


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Under 200 held-out rows an accuracy is known to five points either way at best; all rows know more.

    A linear probe (multinomial logistic regression on sentence embeddings) is fitted in folds over the
    held-out and train rows together, near-duplicates and groups never on both sides, and its answers on
    rows that it has not seen are counted. The interval is robust to clusters (jackknife, Wilson form).
    Reported as `estimate`, beside the share of the largest class and the vote of the nearest rows.

    It tells how hard the task is for a linear model on embeddings, not what a fine-tuned model will
    reach; and the labels are taken as they are. Only rows with a class are used, at most `most`.
    """

    id: ClassVar[str] = "cross-validation"
    code: ClassVar[str] = "A05"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "split"
    embeds: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("label", "question", "body", "group")

    few: int = 200
    folds: int = 5
    near: float = 0.7
    most: int = 20_000

    def run(self, view: View) -> Iterator[Result]:
        if view.n_rows >= self.few:
            raise NotApplicable(f"{view.n_rows:,} held-out rows speak for themselves")
        table = _rows(view, self.most)
        labels = table.column("label").to_pylist()
        names = len(set(labels))
        if names < 2 or (names > MANY and names > 0.5 * len(labels)):
            raise NotApplicable("the rows have no classes")
        if view.encode is None:
            raise Skip("no embeddings; leave --no-embeddings out")
        yield from self._estimate(view, table, labels)

    def _estimate(self, view: View, table: pa.Table, labels: list[str]) -> Iterator[Result]:
        from toolkit.near.probe import probe
        from toolkit.stats.intervals import cluster_interval

        assert view.encode is not None  # noqa: S101 - run has looked
        groups = self._groups(table)
        found = probe(view.encode(table.column("question").to_pylist()), labels, groups, folds=self.folds)
        if not found.converged:
            raise Skip("the probe did not converge")
        hits = found.probabilities.argmax(axis=1) == found.label
        if len(np.unique(groups[found.rows])) < 2:
            raise NotApplicable("all rows are near-duplicates of each other")
        rate = cluster_interval(hits, groups[found.rows])
        yield Fact("cross-validated accuracy", rate.rate, "share", low=rate.low, high=rate.high)
        yield Fact("rows cross-validated", float(rate.n), "rows")
        yield Fact("n_eff cross-validated", float(rate.n_eff), "rows")
        yield Fact("share of the largest class", found.majority, "share")
        yield Fact("accuracy of the nearest rows", found.neighbours, "share")
        yield Fact("classes not cross-validated", float(len(found.too_small)), "classes")
        message = (
            f"cross-validated on {rate.n:,} rows in {found.folds} folds, a linear probe on embeddings names "
            f"{rate.rate:.1%} of labels (95 %: {rate.low:.1%} to {rate.high:.1%}); the largest class has "
            f"{found.majority:.1%}"
        )
        yield Finding(None, 1.0, message, kind="estimate", column="label")

    def _groups(self, table: pa.Table) -> np.ndarray:
        """The component of every row: near-duplicates, and rows of one declared group."""
        from toolkit.near.components import components
        from toolkit.near.pairs import near_pairs

        pairs = near_pairs(table.column("body"), threshold=self.near)
        first: dict[str, int] = {}
        groups = table.column("group").to_pylist()
        own = [at if name is None else first.setdefault(name, at) for at, name in enumerate(groups)]
        rows = np.arange(len(own), dtype=np.int64)
        left, right = np.concatenate([rows, pairs.left]), np.concatenate([np.array(own, np.int64), pairs.right])
        return components(len(own), left, right)


def _rows(view: View, most: int) -> pa.Table:
    """The rows with a label of every part, at most so many, evenly spread."""
    tables = [each.table("label", "question", "body", "group") for each in (view, *view.references)]
    whole = pa.concat_tables(tables)
    whole = whole.filter(whole.column("label").is_valid())
    if len(whole) <= most:
        return whole
    return whole.take(pa.array(np.linspace(0, len(whole) - 1, most).astype(np.int64)))
