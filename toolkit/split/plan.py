"""Which row goes to which part: from a view and the options, without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.core.errors import UsageError
from toolkit.core.types import JSON
from toolkit.near import ties
from toolkit.near.assign import Rows, assign, latest
from toolkit.near.components import components
from toolkit.near.pairs import Pairs
from toolkit.near.percolation import FEW, STEPS, Bound, Sweep, bound, cut, likely_pairs, sweep
from toolkit.split.clock import times
from toolkit.stats.effective import MACRO_ROWS
from toolkit.stats.power import detectable_gain, rows_needed
from toolkit.store.view import View

Ints = npt.NDArray[np.int64]
TRAIN, HELDOUT, DEV, LEFT_OUT = 0, 1, 2, -1
NAMES = {TRAIN: "train", DEV: "dev", HELDOUT: "heldout", LEFT_OUT: "left out"}
USUAL, MOST, GAIN = 0.1, 0.25, 0.05
MANY = 1000


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How to split. Shares lie in 0..1.

    heldout: None takes 10 %, and up to 25 % of a small set. threshold: None looks for the lowest
    similarity that does not tie too many rows together. cap: the share of rows in one component over
    which it is too large. time: a column of the rows; the latest rows are held out, unstratified.
    """

    heldout: float | None = None
    dev: float = 0.0
    seed: int = 0
    threshold: float | None = None
    stratify: bool = True
    cap: float = 0.02
    time: str = ""

    def check(self) -> None:
        """Raises UsageError for options that cannot be meant."""
        shares = (self.heldout if self.heldout is not None else USUAL, self.dev)
        if not (0 < shares[0] < 1 and 0 <= shares[1] < 1 and sum(shares) < 1):
            what = f"held-out {shares[0]} and dev {shares[1]} leave no room for train"
            raise UsageError(what, "shares between 0 and 1, such as --heldout 0.1 --dev 0.1")
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise UsageError(f"a threshold of {self.threshold} is not a Jaccard", "a number over 0, up to 1")
        if not 0 < self.cap <= 1:
            raise UsageError(f"a cap of {self.cap} is not a share of rows", "a number over 0, up to 1, such as 0.02")


@dataclass
class Plan:
    """Where every row goes. part: codes of `NAMES`, shape (n,), for the ordinals `rows`."""

    rows: Ints
    part: Ints
    component: Ints
    sweep: Sweep
    targets: dict[int, int]
    share_asked: float
    share_taken: float
    why: str
    prompts: bool
    only_train: int
    tied_by: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def of(self, part: int) -> Ints:
        """The ordinals of one part, sorted."""
        return np.asarray(self.rows[self.part == part], np.int64)

    @property
    def left_out(self) -> int:
        return int((self.part == LEFT_OUT).sum())

    def figures(self) -> dict[str, JSON]:
        """What the manifest says about the method."""
        sizes = np.bincount(np.unique(self.component, return_inverse=True)[1])
        return {
            "threshold": self.sweep.threshold,
            "threshold_why": self.sweep.why,
            "sweep": [[step, share] for step, share in self.sweep.figures],
            "compared": ["body", "question"] if self.prompts else ["body"],
            "tied_by": list(self.tied_by),
            "components": len(sizes),
            "largest_component": int(sizes.max()) if len(sizes) else 0,
            "sacrificed": {"only_train": self.only_train, "left_out": self.left_out},
            "share_asked": self.share_asked,
            "share_taken": self.share_taken,
            "why": self.why,
        }


def plan(view: View, options: SplitOptions) -> Plan:
    """The parts of a view that may read `ties.READS`. Raises UsageError where there are fewer than two rows."""
    options.check()
    found = ties.traits(view)
    if found.n < 2:
        raise UsageError(f"{found.n} rows cannot be split", "verify more rows; see quarantine.jsonl of the run")
    label = _classes(found) if options.stratify else np.zeros(found.n, np.int64)
    share, why = _share(options, found.n, label)
    targets = _targets(found.n, share, options.dev)
    warnings: list[str] = []
    graph = _graph(view, found, options, targets, warnings)
    component, only_train = _sized(graph, targets, warnings)
    order = ties.seeded(found.key, options.seed)
    if options.time:
        when = times(view, options.time, warnings)
        part = latest(when, component, order, targets, only_train)
    else:
        kind = found.kind if options.stratify else np.zeros(found.n, np.int64)
        chars = found.chars if options.stratify else np.zeros(found.n, np.int64)
        part = assign(Rows(label, kind, chars, order), component, targets, only_train)
    part = _apart(part, graph.pairs, graph.sweep.threshold)
    return Plan(
        rows=found.rows,
        part=part,
        component=component,
        sweep=graph.sweep,
        targets=targets,
        share_asked=options.heldout if options.heldout is not None else USUAL,
        share_taken=share,
        why=why,
        prompts=graph.prompts,
        only_train=int(only_train.sum()),
        tied_by=graph.tied_by,
        warnings=warnings,
    )


def _classes(found: ties.Traits) -> Ints:
    """The labels, unless nearly every row has one for itself: then they are texts, not classes."""
    n_labels = len(found.labels)
    return np.zeros(found.n, np.int64) if n_labels > MANY and n_labels > 0.5 * found.n else found.label


def _share(options: SplitOptions, n: int, label: Ints) -> tuple[float, str]:
    """The held-out share and why. A small set gives more, so that its figures say something."""
    if options.heldout is not None:
        return options.heldout, "asked for"
    counts = np.bincount(label[label >= 0]) if (label >= 0).any() else np.array([n])
    typical = float(np.median(counts[counts > 0]))
    several = int((counts > 0).sum()) > 1
    needed = max(rows_needed(GAIN) / n, MACRO_ROWS / typical if several else 0.0)
    share = min(MOST, max(USUAL, ceil(needed * 100) / 100))
    if share == USUAL:
        return USUAL, "the usual share"
    return share, f"{_worth(n, USUAL, typical, several)}; {_worth(n, share, typical, several)}"


def _worth(n: int, share: float, typical: float, several: bool) -> str:
    rows = max(1, round(n * share))
    gain = detectable_gain(rows)
    seen = f"show a gain of {100 * gain:.1f} points" if gain is not None else "show no gain"
    each = f" and give {typical * share:.0f} rows a class" if several else ""
    return f"{100 * share:.0f} % are {rows:,} rows, which can {seen}{each}"


def _targets(n: int, share: float, dev: float) -> dict[int, int]:
    """Rows by part, held-out first; every part that is asked for gets a row."""
    targets = {HELDOUT: max(1, round(n * share))}
    if dev:
        targets[DEV] = max(1, round(n * dev))
    return targets


@dataclass
class _Graph:
    """What ties rows: declared groups and lineage (`hard`, never cut) and pairs, with the chosen threshold."""

    hard: Ints
    pairs: Pairs
    sweep: Sweep
    limit: int
    roof: int
    prompts: bool
    tied_by: list[str]


def _graph(
    view: View, found: ties.Traits, options: SplitOptions, targets: dict[int, int], warnings: list[str]
) -> _Graph:
    limit = max(1, min(*targets.values(), max(FEW, int(options.cap * found.n))))
    hard, tied_by = _declared(found, limit, min(targets.values()), warnings)
    base = int(np.bincount(hard).max())
    roof = limit if base <= limit else base + limit
    pairs, prompts, low = _pairs(view, found, options, warnings)
    chosen = sweep(hard, pairs, roof, lowest=low.threshold, fixed=options.threshold)
    if low.why and chosen.threshold == low.threshold:
        chosen = chosen._replace(why=low.why)
    tied_by = ["text", *(["prompt"] if prompts else []), *tied_by]
    return _Graph(hard, pairs, chosen, limit, roof, prompts, tied_by)


def _pairs(view: View, found: ties.Traits, options: SplitOptions, warnings: list[str]) -> tuple[Pairs, bool, Bound]:
    """Pairs of near texts, whether prompts were compared too, and the lowest threshold they are listed for.

    A prompt is compared because a known question leaks with any answer; one that many rows share is an
    instruction, and ties none.
    """
    fixed = options.threshold
    bodies = ties.texts(view, "body")
    low = bound(bodies, found.key, options.cap) if fixed is None else Bound(fixed, "", percolates=False)
    if not found.has_prompts:
        return likely_pairs(bodies, low.threshold), False, low
    prompts = ties.texts(view, "question")
    theirs = bound(prompts, found.key, options.cap)
    if theirs.percolates or _crowded(prompts, options.cap):
        warnings.append("too many rows share a prompt for it to tie them: only whole rows were compared")
        return likely_pairs(bodies, low.threshold), False, low
    if fixed is None and theirs.threshold > low.threshold:
        low = theirs
    both = (likely_pairs(bodies, low.threshold), likely_pairs(prompts, low.threshold))
    return Pairs(*(np.concatenate(each) for each in zip(*both, strict=True))), True, low


def _crowded(prompts: pa.ChunkedArray, cap: float) -> bool:
    """Whether one prompt, or near copies of it, stands in too many rows."""
    pairs = likely_pairs(prompts, STEPS[0])
    return int(np.bincount(components(len(prompts), pairs.left, pairs.right)).max()) > max(FEW, cap * len(prompts))


def _declared(found: ties.Traits, limit: int, smallest: int, warnings: list[str]) -> tuple[Ints, list[str]]:
    """Components by declared groups, always, and by each kind of lineage that does not tie too much."""
    n, used = found.n, []
    left, right = ties.tied(found.groups)
    hard = components(n, left, right)
    if len(left):
        used.append("group")
    largest = int(np.bincount(hard).max())
    if largest > smallest:
        warnings.append(
            f"the largest declared group has {largest:,} rows, more than the smallest part is to have ({smallest:,}): "
            "groups are never cut, so it is in train"
        )
    rows = np.arange(n, dtype=np.int64)
    for name, key in found.families.items():
        one, other = ties.tied(key)
        tried = components(n, np.concatenate([rows, one]), np.concatenate([hard, other]))
        together = int(np.bincount(tried).max())
        if together > max(limit, largest):
            warnings.append(
                f"lineage `{name}` ties {together:,} of {n:,} rows together and was not used: "
                "rows of one family may stand on both sides"
            )
        elif len(one):
            hard = tried
            used.append(name)
    return hard, used


def _sized(graph: _Graph, targets: dict[int, int], warnings: list[str]) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Components, and the rows of those too large to be held out; cut where the others could not fill the parts."""
    component = graph.sweep.component
    n, wanted = len(component), sum(targets.values())
    large = np.bincount(component)[component] > graph.roof
    if not large.any():
        return component, large
    if int((~large).sum()) >= 2 * wanted:
        warnings.append(
            f"{int(large.sum()):,} of {n:,} rows are in components too large to be held out; they are in train, "
            "and the held-out rows say nothing about them"
        )
        return component, large
    component = cut(graph.hard, graph.pairs, component, threshold=graph.sweep.threshold, limit=graph.limit)
    warnings.append("most rows are tied together: components were cut, and rows at the cuts are in no part")
    return component, np.bincount(component)[component] > graph.roof


def _apart(part: Ints, pairs: Pairs, threshold: float) -> Ints:
    """Parts without the rows that a cut left beside a row of another part.

    The row on the held-out side goes, else that on the dev side. It cannot go to train: what it is like
    is still held out.
    """
    apart = part.copy()
    near = pairs.jaccard >= threshold
    for code in (HELDOUT, DEV):
        for one, other in _both_ways(pairs, near):
            away = (apart[one] == code) & (apart[other] != code) & (apart[other] != LEFT_OUT)
            apart[one[away]] = LEFT_OUT
    return apart


def _both_ways(pairs: Pairs, chosen: npt.NDArray[np.bool_]) -> Iterator[tuple[Ints, Ints]]:
    left, right = pairs.left[chosen], pairs.right[chosen]
    yield left, right
    yield right, left
