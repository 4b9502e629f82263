"""R02: whether length alone tells the chosen answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

LEAST = 30
STEPS = ((0.70, "over-70"), (0.60, "over-60"))


@dataclass(frozen=True, slots=True)
class LengthBias:
    """Where the longer answer is mostly the chosen one, preference training teaches length.

    Measured in characters of the last answer on each side: how often the longer one was chosen among
    pairs of different length (Wilson interval), and the area under the ROC curve of a rule that knows
    nothing but the length (DeLong interval). For rows of one answer each (`unpaired-preference`) only
    the latter, wanted against unwanted. The finding is about the data set, by the larger of the two,
    and only where the interval excludes chance; a bias to short answers counts alike.

    Fewer than 30 pairs say nothing. Longer can be better in truth: what is measured is how far a model
    gets by length alone. Method: Singhal et al. 2023 (length-only heuristic); DeLong et al. 1988.
    """

    id: ClassVar[str] = "length-bias"
    code: ClassVar[str] = "R02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = ("rejected", "answer", "label")

    def run(self, view: View) -> Iterator[Result]:
        if view.manifest.format not in ("preference", "unpaired-preference"):
            raise NotApplicable("the rows state no preference")
        paired = view.manifest.format == "preference"
        chosen, rejected = _pairs(view) if paired else _by_label(view)
        if min(len(chosen), len(rejected)) < LEAST:
            raise Skip(f"{min(len(chosen), len(rejected))} answers on one side; {LEAST} at least are needed")
        found = [*(_longer_is_chosen(chosen, rejected) if paired else ()), _length_rule(chosen, rejected)]
        yield from found
        worst = max(found, key=lambda fact: abs(fact.value - 0.5))
        yield from _judged(worst)


def _judged(fact: Fact) -> Iterator[Finding]:
    low, high = fact.low or 0.0, 1.0 if fact.high is None else fact.high
    if low <= 0.5 <= high:
        return
    share = max(fact.value, 1.0 - fact.value)
    kind = next((name for over, name in STEPS if share >= over), "")
    if kind:
        which = "longer" if fact.value > 0.5 else "shorter"
        message = f"the {which} answer is preferred: {fact.name} {fact.value:.2f} (95 %: {low:.2f} to {high:.2f})"
        yield Finding(None, 1.0, message, kind=kind, column="answer")


def _longer_is_chosen(chosen: np.ndarray, rejected: np.ndarray) -> Iterator[Fact]:
    from toolkit.stats.intervals import wilson

    differ = int((chosen != rejected).sum())
    if differ < LEAST:
        return
    hits = int((chosen > rejected).sum())
    interval = wilson(hits, differ)
    yield Fact("longer is chosen", hits / differ, "share", low=interval.low, high=interval.high)


def _length_rule(chosen: np.ndarray, rejected: np.ndarray) -> Fact:
    from toolkit.stats.drift import auc

    found = auc(rejected, chosen)
    return Fact("AUC of length alone", found.value, "share", low=found.low, high=found.high)


def _pairs(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Characters of the chosen and of the rejected answer, of pairs that have both, shape (n_pairs,) each."""
    lengths = []
    for batch in view.batches("answer", "rejected"):
        sides = pa.RecordBatch.from_arrays([batch.column("row"), batch.column("rejected")], names=["row", "turns"])
        lengths.append(np.stack([_characters(batch.column("answer")), _characters(cols.answer(sides))]))
    both = np.concatenate(lengths, axis=1) if lengths else np.zeros((2, 0))
    chosen, rejected = both[:, (both > 0).all(axis=0)]
    return chosen, rejected


def _by_label(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Characters of wanted and of unwanted answers, of shapes (n_wanted,) and (n_unwanted,)."""
    table = view.table("answer", "label")
    length, label = _characters(table.column("answer")), table.column("label").to_numpy(zero_copy_only=False)
    return length[(label == "true") & (length > 0)], length[(label == "false") & (length > 0)]


def _characters(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    counted = pc.fill_null(pc.utf8_length(texts), 0)
    return np.asarray(counted.to_numpy(), np.float64)
