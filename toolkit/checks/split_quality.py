"""L04: whether a split is one: sizes, classes, spread, and nothing alike on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store.view import View

MANY = 1000
POINT = 0.01
SMALL = 10
UNLIKELY = 0.001
APART = 0.1
MUCH = 0.1


class Side(NamedTuple):
    """One part: rows, rows by label and by kind of source, and the length of every row."""

    name: str
    rows: int
    labels: dict[str, int]
    kinds: dict[str, int]
    chars: np.ndarray


@dataclass(frozen=True, slots=True)
class SplitQuality:
    """A split can pass its own leak check and still measure nothing: one that shipped was 82,184 / 76 / 820.

    Looked at, with the held-out rows in scope and the other parts as references: `degenerate` (a part
    is empty or under half of what it was to have, or train is the smaller side), `size-off` (more than
    one point off), `class-missing` (a class of 10 rows or more that a part lacks; smaller ones are
    `small-class-missing`), `drift` (labels, kinds of source or lengths of train and held-out differ more
    than a random split would: simulation for classes, Kolmogorov-Smirnov for lengths, p under .001 and
    a difference worth naming), `sacrificed` (rows that cannot be held out, or stand in no part), and
    `cross-split`: a held-out or dev row with a shingle Jaccard of `threshold` to a row of another part.

    The last is found by another way than the split's own: nearest rows by cosine of TF-IDF over three
    bytes, on a sample of `sample` rows against every row of the other part; on intent texts that finds 98 %
    of the pairs at .6. `similar` says that over a tenth of the sample has a row with a cosine of .9 or more
    on the other side: below the threshold, but a model may know them. Paraphrases in other words are missed.

    heldout, dev: the shares that were wanted, 0 where the rows were given.
    """

    id: ClassVar[str] = "split-quality"
    code: ClassVar[str] = "L04"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "split"
    reads: ClassVar[tuple[str, ...]] = ("label", "source_kind", "body", "ref")

    heldout: float = 0.0
    dev: float = 0.0
    threshold: float = 0.6
    only_train: int = 0
    left_out: int = 0
    sample: int = 2000
    similar: float = 0.9

    def run(self, view: View) -> Iterator[Result]:
        if not view.references:
            raise NotApplicable("the rows are not split; run toolkit split")
        sides = [_side(each, each.name) for each in view.references]
        sides.append(_side(view, "heldout"))
        n = sum(each.rows for each in sides)
        for each in sides:
            yield Fact("rows by part", float(each.rows), "rows", each.name)
        yield from self._sizes(sides, n)
        yield from self._sacrificed(n)
        if not _classes(sides):
            sides = [each._replace(labels={}) for each in sides]
        yield from _missing(sides)
        train = next((each for each in sides if each.name != "dev"), sides[0])
        if train.rows and sides[-1].rows:
            yield from _drift(train, sides[-1])
        yield from self._crossing(view)

    def _sizes(self, sides: list[Side], n: int) -> Iterator[Finding]:
        wanted = {"heldout": self.heldout, "dev": self.dev}
        by_name = {each.name: each.rows for each in sides}
        held, largest = by_name["heldout"], max(each.rows for each in sides)
        for name, rows in by_name.items():
            share = wanted.get(name, 0.0)
            if rows == 0 or rows < 0.5 * round(share * n):
                message = f"{name} has {rows:,} of {n:,} rows" + (f", {share:.0%} were wanted" if share else "")
                yield Finding(None, 1.0, message, kind="degenerate")
            elif share and abs(rows - share * n) > max(POINT * n, 1.0):
                message = f"{name} has {rows:,} of {n:,} rows, {100 * rows / n:.1f} %; {share:.0%} were wanted"
                yield Finding(None, 1.0, message, kind="size-off")
        if self.heldout and self.heldout < 0.5 and held == largest and n > 1 and len(set(by_name.values())) > 1:
            yield Finding(None, 1.0, f"heldout is the largest part: {held:,} of {n:,} rows", kind="degenerate")

    def _sacrificed(self, n: int) -> Iterator[Result]:
        yield Fact("rows only in train", float(self.only_train), "rows")
        yield Fact("rows in no part", float(self.left_out), "rows")
        if self.only_train or self.left_out:
            message = (
                f"{self.only_train:,} rows are tied to too many others to be held out, {self.left_out:,} are in no "
                f"part, of {n + self.left_out:,}: the held-out rows say nothing about them"
            )
            yield Finding(None, 1.0, message, kind="sacrificed")

    def _crossing(self, view: View) -> Iterator[Result]:
        """Held-out rows against every other part, and dev rows against train."""
        parts = [("heldout", view, view.references)]
        dev = next((each for each in view.references if each.name == "dev"), None)
        if dev is not None:
            parts.append(("dev", dev, tuple(each for each in view.references if each.name != "dev")))
        for name, own, others in parts:
            for other in others:
                yield from self._compare(name, own, other)

    def _compare(self, name: str, own: View, other: View) -> Iterator[Result]:
        from toolkit.near.cross import crossing

        table = _sampled(own.table("body", "ref"), self.sample)
        found = crossing(table.column("body"), (_bodies(batch) for batch in other.batches("body")))
        crossed = np.flatnonzero(found.jaccard >= self.threshold)
        pair = f"{name} - {other.name}"
        alike = int(np.sum(found.cosine >= self.similar))
        yield Fact("rows compared across", float(len(table)), "rows", pair)
        yield Fact("rows at the threshold across", float(len(crossed)), "rows", pair)
        yield Fact("rows similar across", float(alike), "rows", pair)
        if alike > MUCH * len(table):
            message = (
                f"{alike:,} of {len(table):,} rows of {name} that were compared have a row in {other.name} with a "
                f"TF-IDF cosine of {self.similar} or more: report the score on them and on the rest apart"
            )
            yield Finding(None, 1.0, message, kind="similar", column="body")
        rows, refs = table.column("row").to_pylist(), _refs(other, found.other[crossed])
        for at in crossed.tolist():
            near = refs.get(int(found.other[at]), "")
            message = f"a row of {name} is nearly a row of {other.name}"
            evidence: dict[str, JSON] = {"other": near, "reference": other.name}
            evidence["jaccard"] = round(float(found.jaccard[at]), 4)
            # A row of dev is not in scope, so it is named and not pointed at.
            row = rows[at] if name == "heldout" else None
            if row is None:
                evidence["row"] = table.column("ref")[at].as_py()
            yield Finding(row, 1.0, message, kind="cross-split", evidence=evidence)


def _side(view: View, name: str) -> Side:
    labels: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    chars = [np.empty(0, np.int64)]
    for batch in view.batches("label", "source_kind", "body"):
        for column, found in (("label", labels), ("source_kind", kinds)):
            for each in pc.value_counts(batch.column(column).cast(pa.string()).drop_null()).to_pylist():
                found[each["values"]] += each["counts"]
        chars.append(pc.fill_null(pc.utf8_length(batch.column("body")), 0).to_numpy(zero_copy_only=False))
    return Side(name, view.n_rows, dict(labels), dict(kinds), np.concatenate(chars))


def _classes(sides: list[Side]) -> bool:
    """Whether the labels are classes: not when nearly every row has one for itself."""
    names = len({name for each in sides for name in each.labels})
    return names > 0 and not (names > MANY and names > 0.5 * sum(each.rows for each in sides))


def _missing(sides: list[Side]) -> Iterator[Finding]:
    whole: Counter[str] = Counter()
    for each in sides:
        whole.update(each.labels)
    for side in sides:
        lacking = [name for name in sorted(whole) if not side.labels.get(name)]
        for kind, names in (
            ("class-missing", [name for name in lacking if whole[name] >= SMALL]),
            ("small-class-missing", [name for name in lacking if whole[name] < SMALL]),
        ):
            if names and side.rows:
                shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                message = f"{side.name} has no row of {len(names)} of {len(whole)} classes: {shown}"
                evidence: dict[str, JSON] = {"part": side.name, "classes": list(names[:200])}
                yield Finding(None, 1.0, message, kind=kind, column="label", evidence=evidence)


def _drift(train: Side, held: Side) -> Iterator[Result]:
    from toolkit.stats.drift import ks, stratification

    for words, one, other in (("label", train.labels, held.labels), ("source kind", train.kinds, held.kinds)):
        if len(one.keys() | other.keys()) < 2 or not sum(one.values()) or not sum(other.values()):
            continue
        found = stratification(one, other)
        yield Fact(f"divergence of {words}", found.divergence, "bits")
        yield Fact(f"widest difference of {words}", 100 * found.difference, "points", found.widest)
        if found.p < 2 * UNLIKELY and abs(found.difference) > POINT:
            message = f"{words} '{found.widest}' is {100 * found.difference:+.1f} points in heldout against train"
            yield Finding(None, 1.0, message, kind="drift", column=words.replace(" ", "_"))
    lengths = ks(train.chars, held.chars) if min(train.rows, held.rows) > 1 else None
    if lengths is not None:
        yield Fact("distance of lengths", lengths.distance, "")
        if lengths.p < UNLIKELY and lengths.distance > APART:
            message = f"rows of heldout and train differ in length (Kolmogorov-Smirnov distance {lengths.distance:.2f})"
            yield Finding(None, 1.0, message, kind="drift", column="body")


def _sampled(table: pa.Table, most: int) -> pa.Table:
    """At most so many rows, evenly spread."""
    if len(table) <= most:
        return table
    return table.take(pa.array(np.linspace(0, len(table) - 1, most).astype(np.int64)))


def _bodies(batch: pa.RecordBatch) -> pa.ChunkedArray:
    return pa.chunked_array([batch.column("body")])


def _refs(view: View, wanted: np.ndarray) -> dict[int, str]:
    """The refs of rows by their place in the view."""
    if not len(wanted):
        return {}
    refs = view.table("ref").column("ref")
    return {at: refs[at].as_py() for at in np.unique(wanted).tolist()}
