"""C01: how many rows, and how they are spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

CLASS_ROWS = 10
RATIO = 10.0
MANY = 1000


@dataclass(frozen=True, slots=True)
class Balance:
    """Too few rows, or too few of a class, and a model learns the rest.

    Counted on the rows that stay: all of them against the guidance (under 200: show examples in the
    prompt instead of fine-tuning; 500 and more to fine-tune), every class (fewer than `class_rows`
    cannot be learned or measured), the ratio of the largest to the smallest class and the effective
    number of classes (exp of the entropy). Facts: rows by class, by format, by kind of source, and
    lengths. Labels that nearly every row has for itself are taken for text, not for classes.

    The guidance is a rule of thumb without error bars; the learning curve is the measured answer.
    """

    id: ClassVar[str] = "balance"
    code: ClassVar[str] = "C01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = ("label", "format", "source_kind", "body", "answer")

    class_rows: int = CLASS_ROWS
    ratio: float = RATIO

    def run(self, view: View) -> Iterator[Result]:
        counts: dict[str, dict[str, int]] = {"label": {}, "format": {}, "source_kind": {}}
        lengths: dict[str, list[np.ndarray]] = {"text": [], "answer": []}
        for batch in view.batches("label", "format", "source_kind", "body", "answer"):
            for column, found in counts.items():
                _count(batch.column(column).cast(pa.string()), found)
            for name, column in (("text", "body"), ("answer", "answer")):
                lengths[name].append(pc.utf8_length(batch.column(column).drop_null()).to_numpy())
        yield Fact("rows", float(view.n_rows), "rows")
        yield from _few(view.n_rows)
        for column in ("format", "source_kind"):
            for name, n in sorted(counts[column].items()):
                yield Fact(f"rows by {column.replace('_', ' ')}", float(n), "rows", name)
        yield from _lengths(lengths)
        yield from self._classes(counts["label"], view.n_rows)

    def _classes(self, counts: dict[str, int], n_rows: int) -> Iterator[Result]:
        if len(counts) < 1 or (len(counts) > MANY and len(counts) > 0.5 * n_rows):
            return
        from toolkit.stats.effective import effective_classes

        sizes = np.array(sorted(counts.values(), reverse=True))
        for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MANY]:
            yield Fact("rows by class", float(n), "rows", name)
        yield Fact("classes", float(len(counts)), "classes")
        yield Fact("effective classes", float(effective_classes(sizes).entropy), "classes")
        yield Fact("imbalance ratio", float(sizes[0] / sizes[-1]), "times")
        if len(counts) == 1:
            yield Finding(None, 1.0, "every row has the same label", kind="one-class", column="label")
        small = [name for name, n in counts.items() if n < self.class_rows]
        if small:
            shown = ", ".join(sorted(small)[:5]) + (", ..." if len(small) > 5 else "")
            message = f"{len(small)} of {len(counts)} classes have fewer than {self.class_rows} rows: {shown}"
            yield Finding(
                None, 1.0, message, kind="small-class", column="label", evidence={"classes": sorted(small)[:200]}
            )
        if sizes[0] > self.ratio * sizes[-1]:
            message = f"the largest class has {sizes[0] / sizes[-1]:.0f} times the rows of the smallest"
            yield Finding(None, 1.0, message, kind="imbalance", column="label")


def _count(values: pa.Array, found: dict[str, int]) -> None:
    for pair in pc.value_counts(values.drop_null()).to_pylist():
        found[pair["values"]] = found.get(pair["values"], 0) + pair["counts"]


def _few(n: int) -> Iterator[Finding]:
    if n < 200:
        message = f"{n} rows: fewer than 200 do not carry a fine-tune; put the best of them into the prompt"
        yield Finding(None, 1.0, message, kind="under-200")
    elif n < 500:
        yield Finding(None, 1.0, f"{n} rows: 500 and more are advised for a fine-tune", kind="under-500")


def _lengths(lengths: dict[str, list[np.ndarray]]) -> Iterator[Fact]:
    for name, found in lengths.items():
        values = np.concatenate(found) if found else np.array([])
        if not len(values):
            continue
        for at in (0, 5, 25, 50, 75, 95, 99, 100):
            yield Fact(f"{name} length", float(np.percentile(values, at)), "characters", f"p{at:02d}")
