"""How many more draws it takes to meet so many new kinds, when what was drawn begins to repeat itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

LEVEL = 0.95
TRUST = 0.5
"""How much a draw says: answers of a model are no draws of any such population, and one request holds several."""
KINDS = np.geomspace(2, 10**6, 80)
EVENNESS = (0.3, 1.0, 3.0, 100.0)
DISCOUNTS = np.arange(0.0, 0.91, 0.1)
STRENGTHS = np.geomspace(1, 10**5, 30)


class Group(NamedTuple):
    """What was drawn of one group. repeats: how many kinds came once, twice and so on. wanted: new kinds still."""

    repeats: Mapping[int, int]
    wanted: int

    @property
    def draws(self) -> int:
        return sum(times * kinds for times, kinds in self.repeats.items())

    @property
    def kinds(self) -> int:
        return sum(self.repeats.values())


class Further(NamedTuple):
    """Further draws until every group has what it wants, with a 95 % interval, none of them over the bound.

    met: the chance that the bound does not end it before. kinds: how many new ones it gives, of all groups.
    """

    expected: float
    low: float
    high: float
    met: float
    kinds: float


def further(groups: Sequence[Group], most: float) -> Further:
    """Further draws, at most `most`, that the groups need.

    Method: the exchangeable random partition of two parameters (Pitman 1995; Lijoi, Mena and Pruenster 2007 for
    the number of new kinds). A negative discount is a population of so many kinds, more or less even; a positive
    one has no end and a heavy tail. Both are weighed on a grid by how likely they make what was drawn, all groups
    together, since they come from one model: with few draws and no repeats the grid keeps nearly all its width.
    """
    sigma, theta = _grid()
    weight = sum((_likely(sigma, theta, group) for group in groups), np.zeros(len(sigma)))
    weight = np.exp(TRUST * (weight - weight.max()))
    weight /= weight.sum()
    needed = np.stack([_needed(sigma, theta, group, most) for group in groups])
    whole = needed.sum(axis=0)
    share = np.minimum(1.0, most / np.maximum(whole, 1e-9))
    new = sum(
        np.minimum(_new(sigma, theta, group, own * share), group.wanted)
        for own, group in zip(needed, groups, strict=True)
    )
    bounded = np.minimum(whole, most)
    low, middle, high = (_quantile(bounded, weight, at) for at in ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2))
    met = float(weight[whole < most].sum())
    wanted = sum(group.wanted for group in groups)
    # Draws that give nothing new come by chance as well: those of a negative binomial, as far as a normal goes.
    spread = math.exp(2 * math.sqrt(max(0.0, middle - wanted) / max(1.0, wanted * middle)))
    low, high = max(low / spread, min(float(wanted), middle)), min(high * spread, most)
    return Further(middle, low, high, met, _quantile(np.asarray(new), weight, 0.5))


@cache
def _grid() -> tuple[Any, Any]:
    """Discounts and strengths, one equally likely pair after the other; each family has half of the weight."""
    finite = [(-even, even * kinds) for even in EVENNESS for kinds in KINDS]
    endless = [(discount, strength) for discount in DISCOUNTS for strength in STRENGTHS]
    sigma, theta = np.array([*finite, *endless]).T
    return sigma, theta


def _likely(sigma: Any, theta: Any, group: Group) -> Any:
    """The logarithm of how likely each pair makes the repeats of a group."""
    from scipy.special import gammaln

    n, k = group.draws, group.kinds
    if n < 2:
        return np.zeros(len(sigma))
    size = np.abs(np.where(sigma == 0, 1.0, sigma))
    kinds = theta / size
    rest = np.where(sigma > 0, 0.0, np.maximum(kinds - k + 1, 1e-300))
    steps = np.where(sigma > 0, gammaln(kinds + k) - gammaln(kinds + 1), gammaln(kinds) - gammaln(rest))
    steps = np.where(sigma == 0, (k - 1) * np.log(theta), steps + (k - 1) * np.log(size))
    told = steps - (gammaln(theta + n) - gammaln(theta + 1))
    for times, count in group.repeats.items():
        told = told + count * (gammaln(times - sigma) - gammaln(1 - sigma))
    return np.where((sigma < 0) & (kinds < k), -np.inf, told)


def _new(sigma: Any, theta: Any, group: Group, draws: Any) -> Any:
    """New kinds to expect of further draws of a group."""
    start = theta + group.draws + (sigma - 1) / 2
    # The ratio of gamma functions by its first term; where it is not exact, neither is the grid.
    grown = np.log1p(draws / np.maximum(start, 0.5))
    size = np.where(sigma == 0, 1.0, sigma)
    return np.where(sigma == 0, theta * grown, (group.kinds + theta / size) * np.expm1(size * grown))


def _needed(sigma: Any, theta: Any, group: Group, most: float) -> Any:
    """Further draws of one group, `most` where it needs more, by halving."""
    low, high = np.full(len(sigma), float(group.wanted)), np.full(len(sigma), max(float(most), group.wanted))
    for _ in range(40):
        middle = (low + high) / 2
        enough = _new(sigma, theta, group, middle) >= group.wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _quantile(values: Any, weight: Any, at: float) -> float:
    order = np.argsort(values)
    place = np.searchsorted(np.cumsum(weight[order]), at)
    return float(values[order][min(int(place), len(order) - 1)])
