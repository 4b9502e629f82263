"""Which texts of a pool to ask: the audit slice by chance, then a sampler, with a cap on what may be out of scope."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core import parts
from toolkit.near.cover import nearest
from toolkit.near.pool import Pool, hardest
from toolkit.stats.sampling import by_size

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
REACH = 40
ROUNDS = 4
STRANGE = 0.05
FEW = 10
TOPICS = 100


class Planned(NamedTuple):
    """Places in the pool in the order of asking, the group of each, and its chance: NaN where it was chosen."""

    place: Ints
    group: list[str]
    chance: Floats


class Scope(NamedTuple):
    """Under which cosine to the nearest labelled row a text may be of a new topic; None where nobody can say."""

    bar: float | None

    def strange(self, vectors: npt.NDArray[np.floating], known: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        if self.bar is None:
            return np.zeros(len(vectors), np.bool_)
        return np.asarray(nearest(vectors, known).cosine < self.bar, np.bool_)


def scope(known: npt.NDArray[np.floating], seed: int = 0) -> Scope:
    """The cosine that one in twenty labelled rows is below to its own nearest, from at most 2,000 of them."""
    if len(known) < FEW:
        return Scope(None)
    some = np.sort(np.random.default_rng(seed).permutation(len(known))[:2_000])
    likeness = known[some].astype(np.float32) @ known.astype(np.float32).T
    likeness[np.arange(len(some)), some] = -1
    return Scope(float(np.quantile(likeness.max(axis=1), STRANGE)))


def plan(pool: Pool, sampler: Any, n: int, *, audit: float, novel: float, seed: int) -> Planned:
    """The queue of `n` texts. audit: the share drawn by chance; novel: the most of a new topic."""
    n = min(n, len(pool))
    drawn = by_size(pool.weight, round(audit * n), np.random.default_rng([seed, 1]))
    taken = drawn.place
    rest = np.setdiff1d(np.arange(len(pool)), taken)
    chosen, strange = _chosen(pool, sampler, rest, n - len(taken), most=int(novel * n), seed=seed)
    group = ["novel" if each else "hard" for each in strange] + ["audit"] * len(taken)
    chance = np.concatenate([np.full(len(chosen), np.nan), drawn.chance])
    order = _mixed(len(chosen), len(taken), seed)
    place = np.concatenate([chosen, taken])
    return Planned(place[order], [group[at] for at in order.tolist()], chance[order])


def by_chance(pool: Pool, n: int, *, seed: int) -> Planned:
    """A draw of real use for a held-out set: each request as likely as any other, spread over what is alike.

    Texts lie in the order of clusters, so that each topic gets its share; a text that stands for many
    requests is likelier, and its chance is told.
    """
    rng = np.random.default_rng([seed, 3])
    some = np.sort(rng.permutation(len(pool))[:TOPICS])
    topic = nearest(pool.vectors, pool.vectors[some]).row
    mixed = rng.permutation(len(pool))
    order = mixed[np.lexsort((pool.weight[mixed], topic[mixed]))]
    drawn = by_size(pool.weight, min(n, len(pool)), rng, order)
    shown = rng.permutation(len(drawn.place))
    return Planned(drawn.place[shown], ["audit"] * len(shown), drawn.chance[shown])


def _mixed(chosen: int, audit: int, seed: int) -> Ints:
    """An order in which audit rows stand anywhere among the chosen, so that nobody can tell them by their place."""
    spots = np.sort(np.random.default_rng([seed, 2]).permutation(chosen + audit)[:audit])
    order = np.zeros(chosen + audit, np.int64)
    is_audit = np.zeros(chosen + audit, np.bool_)
    is_audit[spots] = True
    order[~is_audit], order[is_audit] = np.arange(chosen), chosen + np.arange(audit)
    return order


def _chosen(
    pool: Pool, sampler: Any, free: Ints, n: int, *, most: int, seed: int
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The sampler's rows, at most `most` of them strange; what is over the cap gives way to rows that are not."""
    own = scope(pool.known, seed)
    if own.bar is None or pool.hardness is None or getattr(sampler, "by_chance", False):
        found = free[sampler.rank(pool.at(free), n, seed=seed)]
        return found, own.strange(pool.vectors[found], pool.known)
    kept, strange = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    for step in range(ROUNDS):
        known = np.concatenate([pool.known.astype(np.float32), pool.vectors[kept].astype(np.float32)])
        found = free[sampler.rank(pool.at(free, known), n - len(kept), seed=seed + step)]
        odd = own.strange(pool.vectors[found], pool.known)
        fits = ~odd | (np.cumsum(odd) + strange.sum() <= most)
        kept, strange = np.concatenate([kept, found[fits]]), np.concatenate([strange, odd[fits]])
        if len(kept) == n:
            break
        free = np.setdiff1d(free, np.concatenate([kept, found, _odd(pool, own, free, n)]))
        if not len(free):
            break
    return kept, strange


def _odd(pool: Pool, own: Scope, free: Ints, n: int) -> Ints:
    """The strange ones of the hardest rows, which the sampler would name next."""
    assert pool.hardness is not None  # noqa: S101 (the caller has looked)
    hard = free[hardest(pool.hardness[free], REACH * n)]
    return hard[own.strange(pool.vectors[hard], pool.known)]


def sampler_named(name: str, *, cold: bool) -> Any:
    """The sampler that a name means; `auto` is `cover` at a cold start, else the best that we have measured."""
    if name == "auto":
        name = "cover" if cold else "hard-cover"
    return parts.build("samplers", name)
