"""What a strategy would have been worth on the user's own labelled rows, told with an interval or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core import parts
from toolkit.core.errors import UsageError
from toolkit.near.components import components
from toolkit.near.cover import nearest
from toolkit.near.pairs import near_pairs
from toolkit.near.pool import Pool
from toolkit.read import ReadOptions, locate
from toolkit.sample.hard import head
from toolkit.sample.look import SampleOptions
from toolkit.sample.plan import sampler_named
from toolkit.sample.rows import NEAR, Texts, texts_of
from toolkit.store.folder import RunFolder

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SHARE = 0.25
MOST_ROUNDS = 10
DRAWS = 1_000
LEAST = 100
USUAL = ("random", "margin")
SAME = 0.995


class Gain(NamedTuple):
    """A difference to random in mean accuracy over the budget, with its 95 % interval; and how it ends."""

    mean: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether it may be called a gain: the interval does not reach zero."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One strategy. curve: accuracy at each of the label counts, (rounds,), the mean over seeds.

    area: mean accuracy over the budget; macro: of classes, each counting alike; labels_to_90: labels to 90 % of
    what all labels give, None where the budget does not reach it.
    """

    strategy: str
    curve: tuple[float, ...]
    area: float
    macro: float
    labels_to_90: float | None
    gain: Gain
    macro_gain: Gain


@dataclass(frozen=True, slots=True)
class Simulated:
    """labels: label counts of the curve. full: accuracy with all labels. rows: of the pool and the held-out set."""

    trials: tuple[Trial, ...]
    labels: tuple[int, ...]
    full: float
    pool_rows: int
    held_out_rows: int
    seeds: int
    classes: int


class _Data(NamedTuple):
    vectors: npt.NDArray[np.float32]
    code: Ints
    group: Ints
    names: tuple[str, ...]


class _Run(NamedTuple):
    """hits: whether each held-out row was named rightly at each label count, shape (rounds, n_held)."""

    hits: npt.NDArray[np.bool_]
    held: Ints


def simulate_on(
    data: Any,
    *,
    batch: int = 0,
    seeds: int = 5,
    options: SampleOptions | None = None,
    reading: ReadOptions | None = None,
    encode: Any,
    out: str | Path | None = None,
) -> Simulated:
    """Play rounds of labelling on labelled rows, with the strategy asked for, random draws and margins.

    A quarter is held out, by near-duplicate group and anew for each seed; the first labels are random and
    the same for every strategy. Raises UsageError for fewer than 5 seeds, 100 labelled rows or two classes.
    """
    options = options or SampleOptions()
    if seeds < 5:
        raise UsageError(f"{seeds} repetitions cannot carry an interval", "--seeds 5 or more")
    name = Path(locate(data).name).stem
    folder = RunFolder(Path(out) if out else Path("runs") / f"{name}-simulated")
    with folder.locked():
        found = _usable(texts_of(data, folder.path / "labelled", reading), encode)
    n_pool = round((1 - SHARE) * len(found.code))
    batch = min(batch, n_pool // 4) if batch else max(10, n_pool // 40)
    steps = max(2, min(MOST_ROUNDS, (n_pool - batch) // batch))
    labels = tuple(batch * (at + 1) for at in range(steps + 1))
    chosen = sampler_named(options.strategy, cold=False)
    known = {**{each: parts.build("samplers", each) for each in USUAL}, chosen.id: chosen}
    runs = {each: [_play(found, sampler, labels, seed) for seed in range(seeds)] for each, sampler in known.items()}
    full = float(np.mean([_full(found, seed) for seed in range(seeds)]))
    trials = tuple(_trial(each, runs, labels, full, found) for each in known)
    held = len(runs["random"][0].held)
    return Simulated(trials, labels, full, len(found.code) - held, held, seeds, len(found.names))


def _usable(texts: Texts, encode: Any) -> _Data:
    labels = texts.label.to_pylist()
    some = np.array([at for at, label in enumerate(labels) if label], np.int64)
    if len(some) < LEAST:
        raise UsageError(f"{len(some)} labelled rows are too few to play with", f"{LEAST} or more, with --label COLUMN")
    names, code = np.unique(np.array([labels[at] for at in some.tolist()]), return_inverse=True)
    if len(names) < 2 or len(names) > len(some) / 4:
        raise UsageError(f"{len(names)} classes in {len(some)} rows", "two classes or more, with 4 rows or more each")
    asked = texts.text.take(some)
    pairs = near_pairs(asked, threshold=NEAR)
    group = components(len(some), pairs.left, pairs.right)
    return _Data(encode(texts.some(some)), code, group, tuple(names.tolist()))


def _halves(data: _Data, seed: int) -> tuple[Ints, Ints]:
    """Pool and held-out rows; near-duplicates are on one side."""
    groups, of = np.unique(data.group, return_inverse=True)
    order = np.random.default_rng([seed, 7]).permutation(len(groups))
    place = np.empty(len(groups), np.int64)
    place[order] = np.arange(len(groups))
    sizes = np.bincount(of)[order]
    last = int(np.searchsorted(np.cumsum(sizes), SHARE * len(of)))
    held = place[of] <= last
    return np.flatnonzero(~held), np.flatnonzero(held)


def _play(data: _Data, sampler: Any, labels: Sequence[int], seed: int) -> _Run:
    """One run: label, fit, look at the held-out rows, choose, and again."""
    pool, held = _halves(data, seed)
    labelled = np.zeros(len(pool), np.bool_)
    labelled[np.random.default_rng([seed, 8]).permutation(len(pool))[: labels[0]]] = True
    hits = np.zeros((len(labels), len(held)), np.bool_)
    for at, wanted in enumerate(labels):
        free = np.flatnonzero(~labelled)
        if at:
            labelled[free[_asked(data, sampler, pool, labelled, wanted - int(labelled.sum()), seed + 1000 * at)]] = True
        hits[at] = _hits(data, pool[labelled], held)
    return _Run(hits, held)


def _asked(data: _Data, sampler: Any, pool: Ints, labelled: npt.NDArray[np.bool_], n: int, seed: int) -> Ints:
    from toolkit.sample.hard import judged

    free, own = pool[~labelled], pool[labelled]
    made = head(data.vectors[own], [data.names[code] for code in data.code[own].tolist()])
    vectors, known = data.vectors[free], data.vectors[own]
    if made is None:
        hard, label, shares = 1 - nearest(vectors, known).cosine.astype(np.float64), None, None
    else:
        told = judged(made, vectors)
        hard, label = told.hardness, told.label
        shares = made.shares(vectors) if getattr(sampler, "shares", False) else None
    found: Ints = sampler.rank(Pool(vectors, known, hard, np.ones(len(free)), label, shares), n, seed=seed)
    return found


def _hits(data: _Data, own: Ints, held: Ints) -> npt.NDArray[np.bool_]:
    """Which held-out rows a classifier on the rows `own` names rightly."""
    made = head(data.vectors[own], [data.names[code] for code in data.code[own].tolist()])
    if made is None:
        return np.asarray(data.code[held] == data.code[own[0]], np.bool_)
    named = np.searchsorted(data.names, made.classes)[made.shares(data.vectors[held]).argmax(axis=1)]
    return np.asarray(named == data.code[held], np.bool_)


def _full(data: _Data, seed: int) -> float:
    pool, held = _halves(data, seed)
    return float(_hits(data, pool, held).mean())


def _trial(name: str, runs: dict[str, list[_Run]], labels: Sequence[int], full: float, data: _Data) -> Trial:
    own = runs[name]
    curve = np.mean([each.hits.mean(axis=1) for each in own], axis=0)
    macro = float(np.mean([_macro(each.hits.mean(axis=0), data.code[each.held]) for each in own]))
    gains = (_gain(own, runs["random"], data, macro=False), _gain(own, runs["random"], data, macro=True))
    shown = tuple(round(float(each), 4) for each in curve)
    return Trial(name, shown, float(curve.mean()), macro, _reached(curve, labels, 0.9 * full), *gains)


def _macro(values: Floats, code: Ints) -> float:
    count = np.bincount(code)
    return float((np.bincount(code, values)[count > 0] / count[count > 0]).mean())


def _reached(curve: Floats, labels: Sequence[int], wanted: float) -> float | None:
    """The label count at which the curve first reaches `wanted`, on a line between two counts."""
    over = np.flatnonzero(curve >= wanted)
    if not len(over):
        return None
    at = int(over[0])
    if at == 0:
        return float(labels[0])
    share = (wanted - curve[at - 1]) / (curve[at] - curve[at - 1])
    return float(labels[at - 1] + share * (labels[at] - labels[at - 1]))


def _gain(own: list[_Run], other: list[_Run], data: _Data, *, macro: bool) -> Gain:
    """The paired difference over the budget. Bootstrap of seeds, and in each of the groups of held-out rows."""
    rng = np.random.default_rng(11)
    tables = []
    for one, two in zip(own, other, strict=True):
        row = one.hits.mean(axis=0) - two.hits.mean(axis=0)
        weight = np.ones(len(row))
        if macro:
            count = np.bincount(data.code[one.held])
            weight = 1 / count[data.code[one.held]]
        of = np.unique(data.group[one.held], return_inverse=True)[1]
        tables.append((np.bincount(of, row * weight), np.bincount(of, weight)))
    mean = float(np.mean([top.sum() / below.sum() for top, below in tables]))
    drawn = np.empty(DRAWS)
    for at in range(DRAWS):
        picked = rng.integers(len(tables), size=len(tables))
        drawn[at] = np.mean([_resampled(tables[seed], rng) for seed in picked.tolist()])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Gain(mean, float(low), float(high))


def _resampled(table: tuple[Floats, Floats], rng: np.random.Generator) -> float:
    top, below = table
    some = rng.integers(len(top), size=len(top))
    return float(top[some].sum() / below[some].sum())
