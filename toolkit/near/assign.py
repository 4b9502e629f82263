"""Whole components into parts, to size and stratified: the heart of the split, on arrays alone.

Components of several rows go first, the largest before the others, each to the part that lags most
behind its share and still needs the component's labels. Single rows then fill the quota of every
label, spread evenly over source kinds and lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.compiled import kernel
from toolkit.near.scan import sorted_set

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]
TRAIN = 0
BINS = 4


class Rows(NamedTuple):
    """What rows are stratified by, arrays of shape (n,). label, kind: codes from -1; order: random, by seed."""

    label: Ints
    kind: Ints
    chars: Ints
    order: Keys


def assign(rows: Rows, component: Ints, targets: Mapping[int, int], only_train: Bools) -> Ints:
    """The part of every row, shape (n,): 0 for train, else a key of `targets`, which holds rows by part.

    component: the smallest row of each row's component. only_train: rows that are not to be held out,
    whole components of them. The same rows in another order get the same parts.
    """
    label = np.unique(rows.label, return_inverse=True)[1].astype(np.int64)
    n_labels = int(label.max()) + 1 if len(label) else 0
    parts, totals = np.array([*targets], np.int64), np.array([*targets.values()], np.int64)
    comps = _components(component, rows.order, only_train)
    loose = np.bincount(label[comps.single], minlength=n_labels)
    quota = _quotas(*_free(label, component, only_train, n_labels), totals)
    taken = _place(comps, label, quota, totals, loose)
    part = np.full(len(label), TRAIN, np.int64)
    part[comps.members] = np.append(parts, TRAIN)[np.repeat(taken, comps.size)]
    singles = comps.single
    for at, each in enumerate(parts.tolist()):
        held = np.bincount(label[part == each], minlength=n_labels)
        spare = np.bincount(label[singles], minlength=n_labels)
        wanted = np.clip(quota[at] - held, 0, spare)
        least = np.minimum(wanted, held == 0)
        missing = int(totals[at] - held.sum())
        wanted = _bounded(_bounded(wanted, least, spare, missing), np.zeros_like(spare), spare, missing)
        chosen = _evenly(singles, label, rows, wanted)
        part[singles[chosen]] = each
        singles = singles[~chosen]
    return part


def latest(
    when: npt.NDArray[np.float64], component: Ints, order: Keys, targets: Mapping[int, int], only_train: Bools
) -> Ints:
    """Parts by time: the components with the latest rows go to the first part of `targets`, then the next.

    A component is as late as its latest row, so no train row is later than a held-out one but those of
    `only_train`. Rows without a time (NaN) are the earliest.
    """
    _, place, size = np.unique(component, return_inverse=True, return_counts=True)
    last, tie = np.full(len(size), -np.inf), np.zeros(len(size), np.uint64)
    np.maximum.at(last, place, np.nan_to_num(when, nan=-np.inf))
    np.maximum.at(tie, place, order)
    free = np.ones(len(size), np.bool_)
    free[place[only_train]] = False
    by_time = np.lexsort((tie, last))[::-1]
    by_time = by_time[free[by_time]]
    ends = np.append(0, np.cumsum(size[by_time]))
    part, begin = np.full(len(size), TRAIN, np.int64), 0
    for each, total in targets.items():
        end = int(np.searchsorted(ends, ends[begin] + total, side="right")) - 1
        part[by_time[begin:end]] = each
        begin = end
    return np.asarray(part[place], np.int64)


class _Components(NamedTuple):
    """Components of several rows, largest first: rows `members[begin : begin + size]`; `single` are the others.

    Those that may not be held out are left away.
    """

    begin: Ints
    size: Ints
    members: Ints
    single: Ints


def _components(component: Ints, order: Keys, only_train: Bools) -> _Components:
    sizes = np.bincount(component, minlength=len(component))
    single = np.flatnonzero((sizes[component] == 1) & ~only_train)
    rows = np.flatnonzero((sizes[component] > 1) & ~only_train)
    smallest = np.full(len(component), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, component[rows], order[rows])
    by_size = np.lexsort((order[rows], component[rows], smallest[component[rows]], -sizes[component[rows]]))
    members = rows[by_size]
    begin = np.flatnonzero(np.diff(component[members], prepend=-1))
    return _Components(begin, np.diff(begin, append=len(members)), members, single)


def _free(label: Ints, component: Ints, only_train: Bools, n_labels: int) -> tuple[Ints, Ints]:
    """Of the rows that may be held out, how many each label has, and in how many components, shape (n_labels,)."""
    own, comps = label[~only_train], component[~only_train]
    spread = sorted_set(own * len(label) + comps) // max(len(label), 1)
    return np.bincount(own, minlength=n_labels), np.bincount(spread, minlength=n_labels)


def _quotas(free: Ints, spread: Ints, totals: Ints) -> Ints:
    """Rows by part and label, shape (n_parts, n_labels), that sum up to `totals` where there are enough.

    Proportional, by the largest remainder; every part gets one row of each label that has components
    enough, unless there are more such labels than rows.
    """
    quota = np.zeros((len(totals), len(free)), np.int64)
    for at, total in enumerate(totals.tolist()):
        high = free - quota.sum(axis=0)
        least = (spread > at + 1).astype(np.int64)
        least *= int(least.sum()) <= total
        exact = total * free / max(int(free.sum()), 1)
        found = np.clip(np.floor(exact).astype(np.int64), least, high)
        largest = np.argsort(found - exact, kind="stable")[: max(0, total - int(found.sum()))]
        found[largest] += found[largest] < high[largest]
        quota[at] = _bounded(found, least, high, total)
    return quota


def _bounded(start: Ints, low: Ints, high: Ints, total: int) -> Ints:
    """`start` moved inside low..high, in proportion to the room, to sum to `total` or as near as there is room."""
    missing = total - int(start.sum())
    room = high - start if missing > 0 else start - low
    step = min(abs(missing), int(room.sum()))
    if step == 0:
        return start
    exact = room * (step / room.sum())
    moved = np.floor(exact).astype(np.int64)
    moved[np.argsort(moved - exact, kind="stable")[: step - int(moved.sum())]] += 1
    return np.asarray(start + moved if missing > 0 else start - moved, np.int64)


def _place(comps: _Components, label: Ints, quota: Ints, totals: Ints, loose: Ints) -> Ints:
    """The place in `totals` that each component goes to, or -1 for train, shape (n_components,)."""
    taken = np.full(len(comps.size), -1, np.int64)
    left, room, labels = quota.copy(), totals.copy(), label[comps.members]
    share = totals / max(int(comps.size.sum() + loose.sum()), 1)
    _diffuse(comps.begin, comps.size, labels, share, left, room, taken)
    _mend(comps.begin, comps.size, labels, loose, left, room, taken)
    return taken


@kernel
def _diffuse(begin: Any, size: Any, label: Any, share: Any, left: Any, room: Any, taken: Any) -> None:
    """Error diffusion: a part gets a component when it lags behind its share by half of the component."""
    held = np.zeros(len(share))
    seen = 0.0
    count = np.zeros(left.shape[1], np.int64)
    for at in range(len(size)):
        rows, best, most = size[at], -1, 0.0
        seen += rows
        for row in range(begin[at], begin[at] + rows):
            count[label[row]] += 1
        for part in range(len(share)):
            lag = share[part] * seen - held[part]
            if 2.0 * lag < rows or rows > room[part] or lag / share[part] <= most:
                continue
            over = 0
            for row in range(begin[at], begin[at] + rows):
                if count[label[row]] > 0:
                    over += max(0, count[label[row]] - max(0, left[part, label[row]]))
                    count[label[row]] = -count[label[row]]
            for row in range(begin[at], begin[at] + rows):
                count[label[row]] = abs(count[label[row]])
            if 4 * over <= rows:
                best, most = part, lag / share[part]
        for row in range(begin[at], begin[at] + rows):
            count[label[row]] = 0
        if best >= 0:
            _take(at, best, begin, size, label, left, room, taken)
            held[best] += rows


@kernel
def _mend(begin: Any, size: Any, label: Any, loose: Any, left: Any, room: Any, taken: Any) -> None:
    """What single rows cannot give: labels first, then size, the smallest components before the others."""
    spare = loose.copy()
    for part in range(left.shape[0]):
        for chase in range(2):
            to_come = chase * _to_come(spare, left[part])
            for back in range(len(size)):
                at = len(size) - 1 - back
                rows, need = size[at], 0
                if room[part] - to_come < rows:
                    break
                if taken[at] >= 0:
                    continue
                for row in range(begin[at], begin[at] + rows):
                    need += left[part, label[row]] > spare[label[row]]
                if chase or 2 * need >= rows:
                    _take(at, part, begin, size, label, left, room, taken)
                    to_come = chase * _to_come(spare, left[part])
        for name in range(left.shape[1]):
            spare[name] -= min(spare[name], max(0, left[part, name]))


@kernel
def _to_come(spare: Any, left: Any) -> Any:
    """Rows that the single rows will still give to a part."""
    total = 0
    for name in range(len(left)):
        total += min(spare[name], max(0, left[name]))
    return total


@kernel
def _take(at: Any, part: Any, begin: Any, size: Any, label: Any, left: Any, room: Any, taken: Any) -> None:
    taken[at] = part
    room[part] -= size[at]
    for row in range(begin[at], begin[at] + size[at]):
        left[part, label[row]] -= 1


def _evenly(singles: Ints, label: Ints, rows: Rows, wanted: Ints) -> Bools:
    """Exactly `wanted` rows of each label, spread over source kinds and lengths; a mask over `singles`.

    Systematic sampling: of r out of n in order, row k is taken where floor((k r + u) / n) steps up.
    """
    if not len(singles):
        return np.zeros(0, np.bool_)
    bounds = np.quantile(rows.chars, np.linspace(0, 1, BINS + 1)[1:-1])
    length = np.searchsorted(bounds, rows.chars[singles])
    order = np.lexsort((rows.order[singles], length, rows.kind[singles], label[singles]))
    own = label[singles][order]
    counts = np.bincount(own, minlength=len(wanted))
    rank = np.arange(len(own)) - (np.cumsum(counts) - counts)[own]
    offset = np.zeros(len(wanted), np.int64)
    first = rank == 0
    offset[own[first]] = (rows.order[singles][order][first] % counts[own[first]].astype(np.uint64)).astype(np.int64)
    step, begin = wanted[own], offset[own]
    chosen = np.zeros(len(singles), np.bool_)
    chosen[order] = ((rank + 1) * step + begin) // counts[own] > (rank * step + begin) // counts[own]
    return chosen
