"""C02: whether the rows cover what is asked in real use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from toolkit.core import secrets
from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store.view import View

LEAST = 50
SHOWN = 5
WORD = re.compile(r"[^\W\d_]{3,}")


class Region(NamedTuple):
    """A group of like rows of use. rows: how many; covered: of them, with a training row near; words: what sets
    them apart; examples: a few of them, masked."""

    rows: int
    covered: int
    words: str
    examples: list[str]


class Sample(NamedTuple):
    """The prompts of one side and the names of their rows."""

    texts: list[str]
    refs: list[str]


@dataclass(frozen=True, slots=True)
class Coverage:
    """A model is asked what its users ask: where the rows hold nothing like that, it was not taught.

    Compared with a sample of real use (`--usage FILE`) by their prompts. A classifier on text embeddings
    tries to tell the two apart; its area under the ROC curve, with a DeLong interval and near-duplicates
    in one fold, is .5 where they are of one kind (`apart`, scored by the lower end of the interval as its
    distance from .5, times two). A row of use is covered where a training row is nearer than its
    fifth nearest row of use. The rows of use fall into regions; a region in which fewer are covered than
    half of what two samples of one kind would give, by the upper end of a Wilson interval, is `thin`, under
    a tenth `missing`: each is named by its share of use, the words that set it apart and example rows.

    Both sides are drawn down to `sample` rows, the same number where there are enough, so that what is
    measured is density, not size. Missed: regions of under ten rows of the sample, and what use will ask
    tomorrow. Sources: Lopez-Paz and Oquab 2017; Naeem et al. 2020.
    """

    id: ClassVar[str] = "coverage"
    code: ClassVar[str] = "C02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    embeds: ClassVar[bool] = True
    compares_usage: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("question", "ref")

    sample: int = 2000
    seed: int = 0

    def run(self, view: View) -> Iterator[Result]:
        if view.usage is None:
            raise NotApplicable("no sample of real use to compare with; give one with --usage")
        if view.encode is None:
            raise Skip("it needs text embeddings, which are switched off")
        rows, used = self._drawn(view), self._drawn(view.usage)
        few = min(len(rows.texts), len(used.texts))
        if few < LEAST:
            raise Skip(f"{few} prompts on one side; {LEAST} at least are needed")
        vectors = [np.asarray(view.encode(each.texts), np.float64) for each in (rows, used)]
        yield from self._apart(rows, used, vectors)
        yield from self._regions(used, vectors)

    def _drawn(self, view: View) -> Sample:
        table = view.table("question", "ref")
        texts = table.column("question").to_pylist()
        some = [at for at, text in enumerate(texts) if text and text.strip()]
        # By content, so that the order of the file does not matter.
        some.sort(key=lambda at: texts[at])
        rng = np.random.default_rng(self.seed)
        chosen = np.sort(rng.permutation(len(some))[: self.sample])
        refs = table.column("ref")
        return Sample([texts[some[at]] for at in chosen], [refs[some[at]].as_py() for at in chosen])

    def _apart(self, rows: Sample, used: Sample, vectors: list[np.ndarray]) -> Iterator[Result]:
        from toolkit.near.components import components
        from toolkit.near.pairs import near_pairs
        from toolkit.near.two_samples import told_apart

        pairs = near_pairs(pa.chunked_array([pa.array([*rows.texts, *used.texts], pa.large_string())]), threshold=0.7)
        groups = components(len(rows.texts) + len(used.texts), pairs.left, pairs.right)
        found = told_apart(vectors[0], vectors[1], groups, seed=self.seed)
        yield Fact("AUC of use against the rows", found.value, "share", low=found.low, high=found.high)
        yield Fact("rows compared", float(len(rows.texts)), "rows", "data")
        yield Fact("rows compared", float(len(used.texts)), "rows", "usage")
        told = f"{found.value:.2f} (95 %: {found.low:.2f} to {found.high:.2f}); .5 is one kind"
        score = float(np.clip(2 * found.low - 1, 0, 1))
        yield Finding(None, score, f"a classifier tells real use from the rows, AUC {told}", kind="apart")

    def _regions(self, used: Sample, vectors: list[np.ndarray]) -> Iterator[Result]:
        from toolkit.near.two_samples import cover, regions
        from toolkit.stats.intervals import wilson

        found = cover(
            vectors[1], vectors[0][np.random.default_rng(self.seed).permutation(len(vectors[0]))[: len(vectors[1])]]
        )
        share = wilson(int(found.covered.sum()), len(used.texts))
        yield Fact("use that is covered", float(found.covered.mean()), "share", low=share.low, high=share.high)
        yield Fact("use that would be covered by rows of its kind", found.expected, "share")
        label = regions(vectors[1], seed=self.seed)
        for region in _described(used, label, found.covered):
            high = wilson(region.covered, region.rows).high / max(found.expected, 1e-9)
            score = float(np.clip(1.0 - high, 0, 1))
            if region.rows >= 10 and score > 0:
                yield _finding(region, score, len(used.texts))


def _finding(region: Region, score: float, n: int) -> Finding:
    kind = "missing" if score >= 0.9 or region.covered == 0 else "thin"
    held = "no training row is near" if not region.covered else f"{region.covered} of {region.rows} have a row near"
    message = f"{100 * region.rows / n:.1f} % of real use, about {region.words}: {held}"
    evidence: dict[str, JSON] = {"rows": region.rows, "covered": region.covered, "examples": list(region.examples)}
    return Finding(None, score, message, kind=kind, column="prompt", evidence=evidence)


def _described(used: Sample, label: np.ndarray, covered: np.ndarray) -> list[Region]:
    """The regions, largest first, each with the words that set it apart from the rest."""
    words = [set(WORD.findall(text.lower())) for text in used.texts]
    everywhere = Counter(word for each in words for word in each)
    found = []
    for at in np.unique(label).tolist():
        rows = np.flatnonzero(label == at)
        here = Counter(word for row in rows.tolist() for word in words[row])
        bare = [row for row in rows.tolist() if not covered[row]] or rows.tolist()
        examples = [f"{used.refs[row]}: {secrets.excerpt(used.texts[row], 80)}" for row in bare[:SHOWN]]
        found.append(Region(len(rows), int(covered[rows].sum()), _telling(here, everywhere, len(rows)), examples))
    return sorted(found, key=lambda each: (-each.rows, each.words))


def _telling(here: Counter[str], everywhere: Counter[str], rows: int) -> str:
    """The words that are most of this region: many of its rows have them, and few others do."""
    rank = sorted(here, key=lambda word: (-(here[word] ** 2) / (everywhere[word] * rows), word))
    return secrets.redact(", ".join(rank[:4])) or "no words"
