"""Two models scored row by row, and what the differences show: overall, and class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.compare.rows import Held, Predictions, both, numbers
from toolkit.core.errors import InputError, UsageError
from toolkit.core.text import normal_text
from toolkit.stats.effective import MACRO_ROWS, REPORT_ROWS
from toolkit.stats.intervals import Interval, cluster_interval, wilson
from toolkit.stats.paired import Gain, binary_gain, false_discovery, holm, paired_gain
from toolkit.stats.power import detectable_gain, gain_interval, mcnemar

FLIPS = 50
LABEL_KINDS = ("correct", "label", "answer")

Floats = npt.NDArray[np.float64]


class Side(NamedTuple):
    """One model. rate: mean score, share right for labels; low, high: its 95 % interval; cost, latency: a call's."""

    name: str
    sha256: str
    rate: float
    low: float
    high: float
    cost_usd: float | None
    latency_s: float | None
    latency_p95_s: float | None


class Paired(NamedTuple):
    """Two models on one set of rows. judged: correct, score, label or answer, that is how a row was scored.

    gained, lost: rows that became better and worse. exact: McNemar's exact p, None where the test is another.
    """

    name: str
    sha256: str
    judged: str
    checked: str
    test: str
    before: Side
    after: Side
    gain: Gain
    gained: int
    lost: int
    exact: float | None
    smallest: float | None
    cost: Gain | None
    latency: Gain | None
    flipped: tuple[str, ...]


class ClassLine(NamedTuple):
    """One class: rows, share right before and after, p and the adjusted p-values over all classes that are measured.

    p, holm, discovery: None where the class has too few rows to say.
    """

    name: str
    rows: int
    before: float
    after: float
    gained: int
    lost: int
    p: float | None
    holm: float | None
    discovery: float | None


class Judged(NamedTuple):
    """Scores of both models by row; kind: how they came about."""

    kind: str
    scores: tuple[Floats, Floats]


def judged(one: Predictions, other: Predictions, held: Held | None) -> Judged:
    """Every row's score under both models. Raises UsageError where nothing says what is right."""
    for kind in ("correct", "score"):
        first, second = numbers(one, kind), numbers(other, kind)
        if both(kind, first, second) and first is not None and second is not None:
            return Judged(_kind(kind, first, second), (first, second))
    if held is None or not all(held.expected):
        known = 0 if held is None else sum(map(bool, held.expected))
        what = f"{known:,} rows have a label or an answer to compare with" if held else "nothing says what is right"
        raise UsageError(what, "give `correct` or `score` on every line of both files, or labels on every held-out row")
    right = [
        np.array([_equal(text, wanted) for text, wanted in zip(side.answers(), held.expected, strict=True)], float)
        for side in (one, other)
    ]
    return Judged("label" if held.labelled else "answer", (right[0], right[1]))


def _kind(name: str, first: Floats, second: Floats) -> str:
    """Scores of nothing but 0 and 1 are right and wrong answers."""
    binary = np.isin(np.concatenate([first, second]), (0.0, 1.0)).all()
    if name == "correct" and not binary:
        raise InputError("'correct' is something else than true, false, 1 or 0", "call a graded judgement `score`")
    return "correct" if binary else "score"


def _equal(text: str | None, wanted: str | None) -> bool:
    return text is not None and wanted is not None and normal_text(text) == normal_text(wanted)


def paired(
    found: Judged, one: Predictions, other: Predictions, group: npt.NDArray[np.int64], name: str, sha256: str
) -> Paired:
    """What two models' scores show. group: ids (n,) of rows that count as one draw."""
    first, second = found.scores
    change = second - first
    gained, lost, n = int((change > 0).sum()), int((change < 0).sum()), len(change)
    gain, test, exact = _gain(found.kind, change, group)
    worse = [str(line.get("id", line.get("row", at))) for at, line in enumerate(one.lines) if change[at] < 0]
    discordance = (gained + lost) / n
    return Paired(
        name=name,
        sha256=sha256,
        judged=found.kind,
        checked="content" if one.checked == other.checked == "content" else "id",
        test=test,
        before=_side(one, found.kind, first, group),
        after=_side(other, found.kind, second, group),
        gain=gain,
        gained=gained,
        lost=lost,
        exact=exact,
        smallest=detectable_gain(gain.clusters, discordance=discordance)
        if discordance and found.kind != "score"
        else None,
        cost=_change(one, other, "cost_usd", group),
        latency=_change(one, other, "latency_s", group),
        flipped=tuple(worse[:FLIPS]),
    )


def _gain(kind: str, change: Floats, group: npt.NDArray[np.int64]) -> tuple[Gain, str, float | None]:
    n, clusters = len(change), len(np.unique(group))
    tied = 2 <= clusters < n
    if kind not in LABEL_KINDS:
        return paired_gain(change, group if tied else None), "exchange at random, bootstrap-t", None
    if tied:
        return binary_gain(change, group), "exchange at random within groups, cluster jackknife", None
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    test, ends = mcnemar(gained, lost), gain_interval(gained, lost, n)
    gain = Gain(float(change.mean()), ends.low, ends.high, test.mid_p, n, n)
    return gain, "McNemar, mid-p", test.exact


def _side(side: Predictions, kind: str, scores: Floats, group: npt.NDArray[np.int64]) -> Side:
    cost, latency = numbers(side, "cost_usd"), numbers(side, "latency_s")
    ends = _rate(kind, scores, group)
    return Side(
        side.name,
        side.sha256,
        float(scores.mean()),
        ends.low,
        ends.high,
        None if cost is None else float(cost.mean()),
        None if latency is None else float(np.median(latency)),
        None if latency is None else float(np.quantile(latency, 0.95)),
    )


def _rate(kind: str, scores: Floats, group: npt.NDArray[np.int64]) -> Interval:
    clusters = len(np.unique(group))
    if kind in LABEL_KINDS:
        if not 2 <= clusters < len(scores):
            return wilson(int(scores.sum()), len(scores))
        found = cluster_interval(scores, group)
        return Interval(found.low, found.high)
    mean = paired_gain(scores, group if 2 <= clusters < len(scores) else None)
    return Interval(mean.low, mean.high)


def _change(one: Predictions, other: Predictions, name: str, group: npt.NDArray[np.int64]) -> Gain | None:
    first, second = numbers(one, name), numbers(other, name)
    if first is None or second is None:
        return None
    clusters = len(np.unique(group))
    return paired_gain(second - first, group if 2 <= clusters < len(group) else None)


def classes(found: Judged, held: Held) -> tuple[ClassLine, ...]:
    """The classes, largest first; those of fewer than MACRO_ROWS rows have no p-value. Groups are not counted here."""
    if not held.labelled or found.kind not in LABEL_KINDS:
        return ()
    first, second = found.scores
    names = sorted({each for each in held.expected if each})
    rows = {name: np.array([each == name for each in held.expected]) for name in names}
    lines = [_class(name, first[mask], second[mask]) for name, mask in rows.items()]
    tested = [at for at, line in enumerate(lines) if line.p is not None]
    p = [float(lines[at].p or 0.0) for at in tested]
    for at, family, share in zip(tested, holm(p), false_discovery(p), strict=True):
        lines[at] = lines[at]._replace(holm=float(family), discovery=float(share))
    return tuple(sorted(lines, key=lambda line: (-line.rows, line.name)))


def _class(name: str, before: Floats, after: Floats) -> ClassLine:
    gained, lost = int((after > before).sum()), int((after < before).sum())
    p = mcnemar(gained, lost).mid_p if len(before) >= MACRO_ROWS else None
    return ClassLine(name, len(before), float(before.mean()), float(after.mean()), gained, lost, p, None, None)


def measured_classes(classes: Sequence[ClassLine]) -> int:
    """Classes with rows enough for a figure of their own."""
    return sum(line.rows >= REPORT_ROWS for line in classes)
