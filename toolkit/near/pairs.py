"""Near-duplicate pairs: candidates by min-hash bands or an exact prefix join, each verified on its text.

Equal rows are collapsed first. In groups of up to 64 equal rows every pair is listed, with a Jaccard
of 1, and so is every pair between two such groups that are near each other; a larger group is listed
as a star around its first row, and that row stands for it elsewhere. So a million equal rows cost a
million pairs. An empty row, and a null one, is nobody's duplicate; a row shorter than one shingle is
found by equality alone. Without `exact`, more than 512 rows under one key are compared with the
first few and with their neighbours only: their component is found, not every pair in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.core.errors import UsageError
from toolkit.near.bands import bands_of, fill, on_every_core
from toolkit.near.groups import STAR, groups_of
from toolkit.near.lanes import Plan, cheapest_plan, meeting_chances, multipliers, sketch
from toolkit.near.normal import Normal, join, normalise
from toolkit.near.prefix import prefix_candidates
from toolkit.near.scan import CROWD, MOST_PAIRS, WINDOW, Met, Packed, Sets, TooManyError, Union, candidates, sets_for
from toolkit.near.shingles import Kind, parse_kind
from toolkit.near.verify import verify

Ints = npt.NDArray[np.int64]
Texts: TypeAlias = "pa.Array | pa.ChunkedArray"
RECALL = 0.995
_SAMPLE = 2000
_SAMPLE_LANES = 64


class Pairs(NamedTuple):
    """Verified pairs, sorted by (left, right); in a self-join left < right. All three are (n_pairs,)."""

    left: Ints
    right: Ints
    jaccard: npt.NDArray[np.float64]


class Found(NamedTuple):
    """The pairs of a join, and how they were found.

    meetings: how often two rows were compared, on their filters at least. crowd: of rows under one
    key that are more, each met a few only; 0 when all met. star: equal rows that are more are listed
    as a star.
    """

    pairs: Pairs
    meetings: int
    crowd: int
    star: int


class Join(NamedTuple):
    """What is asked of a join; see `near_pairs`."""

    kind: Kind
    threshold: float
    exact: bool
    recall: float
    seed: int


def near_pairs(
    texts: Texts,
    *,
    threshold: float = 0.7,
    shingle: str = "c5",
    exact: bool = False,
    recall: float = RECALL,
    seed: int = 0,
) -> Pairs:
    """Pairs of rows whose sets of shingles have a Jaccard of at least `threshold`, in (0, 1].

    Every pair is verified: precision is 1. `recall` is the chance that a pair right at the threshold
    is found; pairs above it are found more surely, and all of them with `exact`. UsageError for a
    threshold, recall or kind of shingle that cannot be meant.
    """
    asked = _join(shingle, threshold, exact, recall, seed)
    return _found(normalise(texts), 0, asked).pairs


def find_pairs(texts: Texts, *, threshold: float = 0.7, shingle: str = "c5", exact: bool = False) -> Found:
    """As `near_pairs`, with what it took and what was left out."""
    return _found(normalise(texts), 0, _join(shingle, threshold, exact, RECALL, 0))


def near_pairs_between(
    texts: Texts,
    reference: Texts,
    *,
    threshold: float = 0.7,
    shingle: str = "c5",
    exact: bool = False,
    recall: float = RECALL,
    seed: int = 0,
) -> Pairs:
    """Pairs with left a row of `texts` and right a row of `reference`; otherwise as `near_pairs`."""
    asked = _join(shingle, threshold, exact, recall, seed)
    first, second = normalise(texts), normalise(reference)
    split = len(first.start)
    if split == 0 or len(second.start) == 0:
        return _no_pairs()
    found = _found(join(first, second), split, asked).pairs
    return Pairs(found.left, found.right - split, found.jaccard)


def exact_groups(texts: Texts) -> Ints:
    """The first row with the same normalised text, shape (n,); an empty or null row is its own."""
    return groups_of(normalise(texts))[0]


def _join(shingle: str, threshold: float, exact: bool, recall: float, seed: int) -> Join:
    if not 0.0 < threshold <= 1.0:
        raise UsageError(f"a threshold of {threshold} is not a Jaccard", "a number over 0, up to 1, such as 0.7")
    if not 0.0 < recall < 1.0:
        raise UsageError(f"a recall of {recall} cannot be planned for", "a number between 0 and 1, or exact")
    return Join(parse_kind(shingle), threshold, exact, recall, seed)


def _no_pairs() -> Pairs:
    return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


class _Groups(NamedTuple):
    """Equal rows of one side: `first` of each, and its rows `members[begin : begin + size]`."""

    group: Ints
    first: Ints
    begin: Ints
    size: Ints
    members: Ints


def _found(normal: Normal, split: int, asked: Join) -> Found:
    equal, hashes = groups_of(normal)
    n = len(equal)
    side = np.arange(n) >= split if split else np.zeros(n, np.bool_)
    groups = _collapse(equal, side)
    one = Normal(normal.data, normal.start[groups.first], normal.stop[groups.first])
    cut = int(np.searchsorted(groups.first, split)) if split else 0
    pairs, jaccard, meetings, crowd = _verified(one, hashes[groups.first], cut, asked)
    left, right = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    # Equal rows of two sides are listed below with the other equal ones.
    other = groups.group[left] != groups.group[right]
    left, right = left[other], right[other]
    star = _star(groups, left, right, most_pairs(n))
    near = _spread(groups, left, right, jaccard[other], bool(split), star)
    same = _equal_across(groups, cut, star) if split else _equal_within(groups, star)
    return Found(_sorted(near, same), meetings, crowd, star)


def most_pairs(rows: int) -> int:
    """How many pairs are listed at most, unless each has a row that has no other (or all are asked for)."""
    return max(1 << 22, 16 * rows)


def _star(groups: _Groups, left: Ints, right: Ints, most: int) -> int:
    """The largest size of group whose equal rows are listed pair by pair without passing `most`."""
    for star in (STAR, STAR // 4, STAR // 16):
        size = np.where(groups.size <= star, groups.size, 1)
        if int((size[left] * size[right]).sum()) + int((size * (size - 1) // 2).sum()) <= most:
            return star
    return 1


def _collapse(equal: Ints, side: npt.NDArray[np.bool_]) -> _Groups:
    """Groups in the order of their first row; the rows of two sides never share a group."""
    n = len(equal)
    key = equal + side * n
    members = np.argsort(key, kind="stable")
    begin = np.flatnonzero(np.diff(key[members], prepend=-1))
    size = np.diff(begin, append=n)
    first = members[begin]
    order = np.argsort(first)
    return _Groups(equal[first[order]], first[order], begin[order], size[order], members)


def _verified(rows: Normal, hashes: Any, split: int, asked: Join) -> tuple[Packed, Any, int, int]:
    """Packed pairs and their Jaccard, the meetings that it took, and the crowd (see `Found`)."""
    find = _exact_candidates if asked.exact else _likely_candidates
    met, sizes, crowd = find(rows, hashes, split, asked)
    jaccard = np.empty(len(met.pairs), np.float64)

    def check(low: int, high: int) -> None:
        verify(rows, asked.kind, met.pairs, low, high, sizes, asked.threshold, jaccard)

    on_every_core(check, len(jaccard))
    good = jaccard >= 0
    return met.pairs[good], jaccard[good], met.meetings, crowd


def _likely_candidates(rows: Normal, hashes: Any, split: int, asked: Join) -> tuple[Met, Ints, int]:
    """Crowds are thinned, and thinned again, until the pairs can be listed."""
    plan, lanes_needed = _plan(rows, hashes, asked)
    lanes = multipliers(lanes_needed, asked.seed)
    sets = sets_for(len(rows.start), len(lanes), asked.threshold)
    with bands_of(rows, asked.kind, lanes, plan, sets) as keys:
        owners, crowd = np.flatnonzero(sets.sizes).astype(np.uint32), CROWD
        while True:
            most = most_pairs(len(rows.start)) if crowd > WINDOW else MOST_PAIRS
            meet = partial(candidates, threshold=asked.threshold, split=split, crowd=crowd, most=most)
            try:
                return _by_bands(plan.bands, keys, owners, sets, meet, most), sets.sizes, crowd
            except TooManyError:
                if crowd <= WINDOW:
                    raise
                crowd = max(WINDOW, crowd // 16)


def _by_bands(bands: int, keys: Callable[[int], Any], owners: Any, sets: Sets, meet: Any, most: int) -> Met:
    union, meetings = Union(most), 0
    for band in range(bands):
        met = meet(keys(band)[owners], owners, sets)
        union.add(met.pairs)
        meetings += met.meetings
    return Met(union.pairs(), meetings)


def _exact_candidates(rows: Normal, hashes: Any, split: int, asked: Join) -> tuple[Met, Ints, int]:
    n, none = len(rows.start), np.empty(0, np.uint32)
    sets = sets_for(n, 0, asked.threshold)
    fill(rows, asked.kind, none, Plan(0, 1), sets, np.empty((0, n), np.uint32))
    return prefix_candidates(rows, asked.kind, sets, asked.threshold, split), sets.sizes, 0


def _plan(rows: Normal, hashes: Any, asked: Join) -> tuple[Plan, int]:
    """From a sample by hash of the text, so that the order of the rows changes nothing."""
    few = min(_SAMPLE, len(hashes))
    chosen = np.argpartition(hashes, few - 1)[:few] if few else np.empty(0, np.int64)
    chosen = chosen[np.argsort(hashes[chosen])]
    sample = Normal(rows.data, rows.start[chosen], rows.stop[chosen])
    sets, keys = (
        sets_for(len(chosen), _SAMPLE_LANES, asked.threshold),
        np.empty((_SAMPLE_LANES, len(chosen)), np.uint32),
    )
    lanes = multipliers(_SAMPLE_LANES, asked.seed)
    sketch(sample, asked.kind, 0, len(chosen), lanes, 1, sets, keys)
    chances = meeting_chances(keys[:, sets.sizes > 0])
    mean = float(sets.sizes.mean()) if len(chosen) else 0.0
    return cheapest_plan(len(rows.start), mean, chances, asked.threshold, asked.recall)


def _spread(groups: _Groups, left: Ints, right: Ints, jaccard: Any, covering: bool, star: int = STAR) -> Pairs:
    """From pairs of groups to pairs of rows: all of them when both groups are small, else first with first."""
    small = (groups.size[left] <= star) & (groups.size[right] <= star)
    wide = np.where(small, groups.size[left], 1)
    deep = np.where(small, groups.size[right], 1)
    if covering:
        # A leak must not hide in a large group: its rows are all listed once, with one partner.
        wide = np.where(~small & _first_seen(left), groups.size[left], wide)
        deep = np.where(~small & _first_seen(right) & (wide == 1), groups.size[right], deep)
    of, step = _ragged(wide * deep)
    one = groups.members[groups.begin[left[of]] + step // deep[of]]
    other = groups.members[groups.begin[right[of]] + step % deep[of]]
    return Pairs(np.minimum(one, other), np.maximum(one, other), jaccard[of])


def _first_seen(values: Ints) -> npt.NDArray[np.bool_]:
    mask = np.zeros(len(values), np.bool_)
    mask[np.unique(values, return_index=True)[1]] = True
    return mask


def _ragged(counts: Ints) -> tuple[Ints, Ints]:
    """For counts 2, 3: owners 0 0 1 1 1 and steps 0 1 0 1 2."""
    of = np.repeat(np.arange(len(counts)), counts)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)


def _equal_within(groups: _Groups, star: int = STAR) -> Pairs:
    several = np.flatnonzero(groups.size > 1)
    size, begin = groups.size[several], groups.begin[several]
    rows = np.where(size <= star, size, 1)
    of, step = _ragged(rows * size)
    one, other = step // size[of], step % size[of]
    keep = one < other
    of, one, other = of[keep], one[keep], other[keep]
    left, right = groups.members[begin[of] + one], groups.members[begin[of] + other]
    return Pairs(left, right, np.ones(len(left)))


def _equal_across(groups: _Groups, cut: int, star: int = STAR) -> Pairs:
    """Each left group has at most one right group with its text."""
    _, left, right = np.intersect1d(groups.group[:cut], groups.group[cut:], return_indices=True)
    right = right + cut
    wide, deep = groups.size[left], groups.size[right]
    small = (wide <= star) & (deep <= star)
    of, step = _ragged(np.where(small, wide * deep, wide + deep - 1))
    full, w, d = small[of], wide[of], deep[of]
    one = np.where(full, step // d, np.maximum(step - d + 1, 0))
    other = np.where(full, step % d, np.where(step < d, step, 0))
    rows = groups.members
    return Pairs(rows[groups.begin[left[of]] + one], rows[groups.begin[right[of]] + other], np.ones(len(w)))


def _sorted(first: Pairs, second: Pairs) -> Pairs:
    left = np.concatenate([first.left, second.left])
    right = np.concatenate([first.right, second.right])
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], np.concatenate([first.jaccard, second.jaccard])[order])
