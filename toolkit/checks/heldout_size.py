"""A01: what the held-out rows can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store.view import View

MANY = 1000


@dataclass(frozen=True, slots=True)
class HeldoutSize:
    """Too few held-out rows cannot show that a fine-tune helped, however well it did.

    Facts: rows, rows of real use, `n_eff` (rows once near-duplicates and declared groups count once:
    Kish 1965), the smallest gain that a paired test (McNemar, two-sided 5 %, power 80 %, models that
    differ on `discordance` of the rows) finds, the half width of a 95 % interval (Wilson) at a true 80
    and 90 %, and what each class allows: 30 rows for a figure of its own, 10 for a place in the macro
    average, fewer measure nothing.

    Found: `under-50` (fewer than `least` rows), `coarse` (no gain under `gain` can be shown), `classes-not-measurable`,
    `no-real-rows` (all of them made by a program or a model: then they measure that, not real use).
    """

    id: ClassVar[str] = "heldout-size"
    code: ClassVar[str] = "A01"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "split"
    reads: ClassVar[tuple[str, ...]] = ("label", "source_kind", "body", "group")

    least: int = 50
    gain: float = 0.05
    discordance: float = 0.15
    near: float = 0.7

    def run(self, view: View) -> Iterator[Result]:
        labels, kinds, groups = _counts(view)
        n, real = view.n_rows, kinds.get("real", 0)
        yield Fact("held-out rows", float(n), "rows")
        yield Fact("real held-out rows", float(real), "rows")
        for name, rows in sorted(kinds.items()):
            yield Fact("held-out rows by source kind", float(rows), "rows", name)
        if n < self.least:
            yield Finding(None, 1.0, f"{n} held-out rows: under {self.least} show next to nothing", kind="under-50")
        if n and not real:
            made = ", ".join(sorted(kinds)) or "unknown"
            message = f"none of {n:,} held-out rows is of real use (they are: {made})"
            yield Finding(None, 1.0, message, kind="no-real-rows", column="source_kind")
        if n:
            yield from self._power(view, n, groups)
            yield from _measurable(labels, n)
        for other in view.references:
            if other.name == "train":
                yield from (Fact("train rows by class", float(rows), "rows", name) for name, rows in _largest(other))

    def _power(self, view: View, n: int, groups: np.ndarray) -> Iterator[Result]:
        from toolkit.stats.effective import effective_rows
        from toolkit.stats.intervals import wilson_half_width
        from toolkit.stats.power import detectable_gain, rows_needed

        worth = effective_rows(_clusters(view, groups, self.near))
        rows = max(1, round(worth.n_eff))
        yield Fact("n_eff", float(worth.n_eff), "rows")
        for rate in (0.8, 0.9):
            yield Fact("half width", 100 * wilson_half_width(rate, rows), "points", f"at {rate:.0%}")
        smallest = detectable_gain(rows, discordance=self.discordance)
        yield Fact("discordance", self.discordance, "share")
        if smallest is not None:
            yield Fact("smallest detectable gain", 100 * smallest, "points")
        if smallest is None or smallest > self.gain:
            needed = rows_needed(self.gain, discordance=self.discordance)
            can = f"a gain of {100 * smallest:.1f} points or more" if smallest is not None else "no gain at all"
            eff = f" ({worth.n_eff:,.0f} once near-duplicates count once)" if worth.n_eff < 0.95 * n else ""
            message = f"{n:,} held-out rows{eff} can show {can}; {100 * self.gain:.0f} points take {needed:,}"
            yield Finding(None, 1.0, message, kind="coarse")


def _counts(view: View) -> tuple[dict[str, int], dict[str, int], np.ndarray]:
    """Rows by label and by kind of source, and the group of every row, each row without one its own."""
    labels: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    groups: list[str | None] = []
    for batch in view.batches("label", "source_kind", "group"):
        for column, found in (("label", labels), ("source_kind", kinds)):
            for each in pc.value_counts(batch.column(column).cast(pa.string()).drop_null()).to_pylist():
                found[each["values"]] += each["counts"]
        groups += batch.column("group").to_pylist()
    first: dict[str, int] = {}
    own = [at if name is None else first.setdefault(name, at) for at, name in enumerate(groups)]
    return dict(labels), dict(kinds), np.array(own, np.int64)


def _largest(view: View) -> list[tuple[str, int]]:
    """The classes of a view with the most rows."""
    labels = _counts(view)[0]
    return sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:MANY]


def _clusters(view: View, groups: np.ndarray, threshold: float) -> np.ndarray:
    """Sizes of the clusters that near-duplicates and groups form."""
    from toolkit.near.components import components
    from toolkit.near.near_rows import near_rows

    pairs = near_rows(view, threshold).pairs
    rows = np.arange(len(groups))
    label = components(len(rows), np.concatenate([rows, pairs.left]), np.concatenate([groups, pairs.right]))
    sizes: np.ndarray = np.unique(label, return_counts=True)[1]
    return sizes


def _measurable(labels: dict[str, int], n: int) -> Iterator[Result]:
    from toolkit.stats.effective import measurability

    if not labels or (len(labels) > MANY and len(labels) > 0.5 * n):
        return
    found = measurability(dict(sorted(labels.items())))
    for name, rows in sorted(labels.items(), key=lambda item: (-item[1], item[0]))[:MANY]:
        yield Fact("held-out rows by class", float(rows), "rows", name)
    yield Fact("classes reported", float(len(found.report)), "classes")
    yield Fact("classes in macro average", float(len(found.report) + len(found.macro)), "classes")
    yield Fact("classes not measurable", float(len(found.not_measurable)), "classes")
    if found.not_measurable:
        shown = ", ".join(found.not_measurable[:5]) + (", ..." if len(found.not_measurable) > 5 else "")
        message = f"{len(found.not_measurable)} of {len(labels)} held-out classes have fewer than 10 rows: {shown}"
        evidence: dict[str, JSON] = {"classes": list(found.not_measurable[:200])}
        yield Finding(None, 1.0, message, kind="classes-not-measurable", column="label", evidence=evidence)
