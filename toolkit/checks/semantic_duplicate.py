"""D03: rows that say the same thing in other words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import Skip, UsageError
from toolkit.core.types import Fact, Findings, Result
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.near.semantic import SemanticPairs
    from toolkit.near.semantic_rows import Meanings, Threshold

NEAR = 0.7
FLOOR = 0.84
BELOW = 0.04
PARTNERS = 3
WORDS = {
    "paraphrase": "says nearly the same as another row in other words",
    "number-variant": "says nearly the same as another row with other numbers",
    "opposite": "nearly the words of another row, with a negation or an opposite",
    "slot-variant": "nearly the words of another row, with another name, day or thing",
}


@dataclass(frozen=True, slots=True)
class SemanticDuplicate:
    """Paraphrases of one row add cost, weight and false confidence; in a held-out set they leak.

    Texts become vectors of a sentence encoder (long ones the mean of up to four pieces), and every pair
    over a cosine is reported, for review: a paraphrase is often wanted, so nothing is removed by itself.
    How near is near is read from this data set: random pairs of different labels, where there are labels,
    have a median distance, and a duplicate is within .11 of it (never under a cosine of .88); with
    labels the bar rises until at most one pair in twenty crosses labels. Facts show the null
    distribution, the threshold, how often random pairs pass it, and with labels how many false pairs to
    expect if they were as frequent within labels as across. .5 of the score is the threshold.

    Encoders hardly see numbers, negations and names, so the words of each pair are compared: `set a
    timer for 5 minutes` and `for 10` is a `number-variant`, `turn it on` and `off` an `opposite`, two days
    or names a `slot-variant`. Pairs that `near-duplicate` ties together already are left out. Each row is
    named once, with the nearest row that is longer.

    threshold: the cosine to report from, 0 to read it from the data. full: over so many different texts,
    static vectors propose the pairs and the encoder decides on as many texts. Missed: paraphrases that the
    encoder puts far apart, and those not proposed. Reported and wrong: things that differ in a word that no
    list holds. Source: Reimers and Gurevych 2019 (the encoder); blocks after Dhillon and Modha 2001.
    """

    id: ClassVar[str] = "semantic-duplicate"
    code: ClassVar[str] = "D03"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    embeds: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("body", "label")

    threshold: float = 0.0
    full: int = 20_000

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.semantic_rows import calibrated, meanings

        if view.encode is None:
            raise Skip("it needs text embeddings, which are switched off")
        if self.threshold and not FLOOR <= self.threshold <= 1:
            raise UsageError(
                f"a threshold of {self.threshold} is out of range", f"a cosine from {FLOOR} to 1, or 0 to calibrate it"
            )
        table = view.table("body", "label")
        texts, labels = table.column("body"), _codes(table.column("label"))
        found = meanings(texts, labels, view.encode, full=self.full, floor=FLOOR)
        fresh = _not_near(view, found.pairs)
        bar = calibrated(found, labels, fresh, fixed=self.threshold)
        pairs, kinds = _told(texts, _selected(found.pairs, fresh & (found.pairs.cosine >= bar.cosine - BELOW)))
        score = _scores(pairs.cosine, bar.cosine)
        rows, best = table.column("row").to_numpy(), _best(pairs, kinds)
        for kind, words in WORDS.items():
            at = best[kinds[best] == kind]
            if len(at):
                evidence = [f'{{"cosine": {cosine:.4f}}}' for cosine in pairs.cosine[at].tolist()]
                yield Findings(rows[pairs.left[at]], score[at], words, kind, rows[pairs.right[at]], "body", evidence)
        yield from _measured(found, bar, self.full)
        yield from _clusters(pairs, (kinds == "paraphrase") & (pairs.cosine >= bar.cosine), len(rows))


def _codes(labels: pa.ChunkedArray) -> np.ndarray:
    """A number for each label, shape (n,), -1 for none."""
    codes = pc.dictionary_encode(labels.combine_chunks())
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    return np.asarray(pc.fill_null(codes.indices, -1).to_numpy(zero_copy_only=False), np.int64)


def _not_near(view: View, pairs: SemanticPairs) -> np.ndarray:
    """Which pairs `near-duplicate` does not tie together, directly or through other rows."""
    from toolkit.near.near_rows import near_rows

    group = near_rows(view, NEAR).groups()
    return np.asarray(group[pairs.left] != group[pairs.right])


def _selected(pairs: SemanticPairs, which: np.ndarray) -> SemanticPairs:
    return pairs._replace(left=pairs.left[which], right=pairs.right[which], cosine=pairs.cosine[which])


def _told(texts: pa.ChunkedArray, pairs: SemanticPairs) -> tuple[SemanticPairs, np.ndarray]:
    """The three nearest pairs of each row, left the shorter text, and what kind each is."""
    from toolkit.near.semantic_kinds import difference

    rows = np.union1d(pairs.left, pairs.right)
    known = [text or "" for text in texts.take(pa.array(rows)).to_pylist()]
    left, right = np.searchsorted(rows, pairs.left), np.searchsorted(rows, pairs.right)
    rank = np.empty(len(rows), np.int64)
    rank[sorted(range(len(rows)), key=lambda at: (-len(known[at]), known[at]))] = np.arange(len(rows))
    swap = rank[left] < rank[right]
    left, right = np.where(swap, right, left), np.where(swap, left, right)
    order = np.lexsort((rank[right], -pairs.cosine, rank[left]))
    begin = np.flatnonzero(np.diff(left[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(begin, np.diff(begin, append=len(order)))
    chosen = order[place < PARTNERS]
    kinds = [difference(known[one], known[other]) for one, other in zip(left[chosen], right[chosen], strict=True)]
    nearest = pairs._replace(left=rows[left[chosen]], right=rows[right[chosen]], cosine=pairs.cosine[chosen])
    return nearest, np.array(kinds, object)


def _best(pairs: SemanticPairs, kinds: np.ndarray) -> np.ndarray:
    """One pair a row: its nearest paraphrase, else its nearest pair."""
    order = np.lexsort((-pairs.cosine, kinds != "paraphrase", pairs.left))
    return np.asarray(order[np.unique(pairs.left[order], return_index=True)[1]])


def _scores(cosine: np.ndarray, bar: float) -> np.ndarray:
    over = 0.5 + 0.5 * (cosine - bar) / max(1 - bar, 1e-9)
    return np.clip(np.where(cosine >= bar, over, 0.5 * (cosine - bar + BELOW) / BELOW), 0.0, 1.0).astype(np.float64)


def _measured(found: Meanings, bar: Threshold, full: int) -> Iterator[Fact]:
    from toolkit.stats.intervals import wilson

    how = "all" if found.texts <= full else "proposed by static vectors"
    yield Fact("different texts", float(found.texts), "texts")
    yield Fact("texts embedded", float(found.embedded), "texts", how)
    yield Fact("threshold", bar.cosine, "cosine")
    if len(found.null):
        for share in (0.5, 0.9, 0.99, 0.999):
            yield Fact("null cosine", float(np.quantile(found.null, share)), "cosine", f"quantile {share}")
        over = int((found.null >= bar.cosine).sum())
        chance = wilson(over, len(found.null))
        yield Fact("null over the threshold", over / len(found.null), "share", low=chance.low, high=chance.high)
    if not np.isnan(bar.across):
        yield Fact("pairs across labels", bar.across, "share")
        yield Fact("expected false pairs", bar.false_pairs, "pairs")


def _clusters(pairs: SemanticPairs, which: np.ndarray, n: int) -> Iterator[Fact]:
    from toolkit.near.components import clusters

    rows, first = clusters(pairs.left[which], pairs.right[which])
    sizes = np.unique(first, return_counts=True)[1]
    yield Fact("clusters", float(len(sizes)), "clusters")
    yield Fact("rows in clusters", len(rows) / max(1, n), "share")
    yield Fact("largest cluster", float(sizes.max(initial=0)) / max(1, n), "share")
