"""What more rows would bring: error = floor + scale x (rows + shift)^-exponent through the scores of a probe.

The probe that makes the points is elsewhere; here are only numbers. Scores are shares of right answers, 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit.stats import quantiles

# .05 is all but a straight line in log rows; a steeper fall than rows^-2 is a curve that has ended.
_EXPONENTS = np.geomspace(0.05, 2.0, 60)
# As shares of the largest size. Without a shift the curve of many classes, slow at first, is missed.
_SHIFTS = (0.0, 0.03, 0.1, 0.3, 1.0)
# A shift must lower the misfit by 4, about two standard errors, to be believed.
_SHIFT_COST = 4.0
_LEAST_SIZES, _LEAST_REPEATS = 4, 4
# Share of what the curve missed the largest size by, when it had not seen it, that is added a step of that length.
# A whole miss covered 99 % of held-back scores of four public sets, none 94 % (one set: 75 %), a half 96 % (88 %).
_MISSED = 0.5

Floats = NDArray[np.float64]


class Point(NamedTuple):
    """Scores (0..1) of the probe trained on `rows` rows, one a seed, all on the same held-out rows."""

    rows: int
    scores: tuple[float, ...]


class Curve(NamedTuple):
    """error = floor + scale x (rows + shift)^-exponent; all at least 0, the exponent in .05..2, `shift` in rows."""

    floor: float
    scale: float
    exponent: float
    shift: float

    def score(self, rows: float) -> float:
        """Expected score (0..1) after training on `rows` rows."""
        return float(1.0 - self.floor - self.scale * (rows + self.shift) ** -self.exponent)


class Prediction(NamedTuple):
    """Score (0..1) of one further probe run on `rows` rows, with its prediction interval."""

    rows: int
    score: float
    low: float
    high: float


class Gain(NamedTuple):
    """What twice the rows are expected to add to the score; `gain` is a share with its interval, at least 0.

    `now` and `twice` are predictions of one run each, so their intervals also hold the noise of a run.
    """

    now: Prediction
    twice: Prediction
    gain: float
    low: float
    high: float


def fit(points: Sequence[Point]) -> Curve:
    """Weighted least squares of the mean error at each size, under the bounds of `Curve`.

    Needs four sizes or more, and at least four scores beyond the first of a size below the largest, to see
    the noise. Raises ValueError on fewer, on a size below 1 or given twice, on a score outside 0..1, and
    where scores never vary between seeds: noise taken for nothing would make the interval a certainty.

    Method: power law with a floor (Cortes et al. 1994) and, where the points ask for it, a shift of the rows
    (Viering and Loog 2022 review both); for each exponent and shift on a grid the other two are solved
    exactly. Weights are one over the variance of each mean, where Figueroa et al. (2012) weigh by size.
    """
    probe = _measured(points)
    drawn = _solve(probe, probe.errors[None, :])
    top = float(probe.rows.max())
    shift, exponent = float(drawn.shift[0]) * top, float(drawn.exponent[0])
    return Curve(float(drawn.floor[0]), float(drawn.scale[0]) * (top + shift) ** exponent, exponent, shift)


def predict(
    points: Sequence[Point], rows: Sequence[int], *, level: float = 0.9, draws: int = 1000, seed: int = 0
) -> list[Prediction]:
    """Score of one further run at each of `rows`, with its bootstrap prediction interval.

    Each draw moves the mean errors by their noise, fits again, reads the new curve and adds the noise of a
    run (parametric bootstrap; Efron and Tibshirani 1993). The noise is pooled over sizes, since the spread of
    a few seeds is itself noise, and widened where the curve misses the points by more than it explains.
    It speaks of the same held-out rows and of more rows of the same kind; a change of either is not in it. Noise
    is not all: a law that does not hold errs more the further it is read. So the curve is fitted once without the
    largest size, and half of what it then misses there widens the interval, in proportion to the log of the size.

    Raises ValueError as `fit`, and on fewer than 100 draws or a size below 1.
    """
    if min(rows, default=1) < 1 or draws < 100:
        raise ValueError("a prediction needs sizes of at least 1 row and at least 100 draws")
    probe, curve, tail, off = _measured(points), fit(points), quantiles.tails(level) / 2.0, _off(points)
    drawn, wider = _draws(probe, draws, seed)
    runs = np.random.default_rng([seed, 1]).standard_normal(draws)
    found = []
    for size in rows:
        errors = drawn.errors(size / probe.rows.max()) + runs * np.sqrt(wider * probe.noise / size)
        low, high = np.quantile(1.0 - errors, [tail, 1.0 - tail])
        found.append(Prediction(size, *_widened(curve.score(size), low, high, off * _further(probe, size))))
    return found


def gain_from_twice(
    points: Sequence[Point], *, rows: int = 0, level: float = 0.9, draws: int = 1000, seed: int = 0
) -> Gain:
    """What training on twice `rows` would add, with a bootstrap interval of the expected gain.

    rows: 0 for the largest size of the probe; more where the probe was not run on all rows. The gain is that of
    the curve, without the noise of single runs. Raises ValueError as `predict`.
    """
    probe, tail = _measured(points), quantiles.tails(level) / 2.0
    most = int(probe.rows.max())
    size = rows or most
    now, twice = predict(points, [size, 2 * size], level=level, draws=draws, seed=seed)
    drawn, _ = _draws(probe, draws, seed)
    low, high = np.quantile(drawn.errors(size / most) - drawn.errors(2.0 * size / most), [tail, 1.0 - tail])
    more = _off(points) * (_further(probe, 2 * size) - _further(probe, size))
    return Gain(now, twice, *_widened(twice.score - now.score, low, high, more))


def _widened(middle: float, low: float, high: float, more: float) -> tuple[float, float, float]:
    """The value with its interval, each side longer by `more` as errors add up; within 0..1."""
    down, up = (float(np.hypot(max(side, 0.0), more)) for side in (middle - low, high - middle))
    return middle, max(middle - down, 0.0), min(middle + up, 1.0)


def _further(probe: _Probe, size: float) -> float:
    """How far beyond the largest size, in steps as long as the last one, on the log scale."""
    last, largest = np.sort(probe.rows)[-2:]
    return max(float(np.log(size / largest) / np.log(largest / last)), 0.0)


def _off(points: Sequence[Point]) -> float:
    """What one step beyond the sizes may be off: a share of what a curve without the largest size misses there."""
    *some, last = sorted(points)
    if len(some) < _LEAST_SIZES or sum(len(point.scores) - 1 for point in some[:-1]) < _LEAST_REPEATS:
        return 0.0  # one size fewer shows no curve
    return _MISSED * abs(fit(some).score(last.rows) - float(np.mean(last.scores)))


class _Probe(NamedTuple):
    """Sizes, mean errors and the variance of those means, each (n_sizes,); `noise` / rows is a run's variance."""

    rows: Floats
    errors: Floats
    variance: Floats
    noise: float


class _Drawn(NamedTuple):
    """Parameters (n_draws,) of fitted curves; rows and shift in units of the largest size, `misfit` squared."""

    floor: Floats
    scale: Floats
    exponent: Floats
    shift: Floats
    misfit: Floats

    def errors(self, size: float) -> Floats:
        """Error (n_draws,) at `size` times the largest size of the probe."""
        return self.floor + self.scale * ((size + self.shift) / (1.0 + self.shift)) ** -self.exponent


def _measured(points: Sequence[Point]) -> _Probe:
    _check(points)
    rows = np.array([point.rows for point in points], dtype=np.float64)
    errors = np.array([1.0 - np.mean(point.scores) for point in points])
    seeds, share = np.array([len(point.scores) for point in points]), rows / rows.max()
    # Runs on most of the rows share most of them, so seeds show only 1 - share of what other rows would change.
    spread = np.array([np.sum((np.array(p.scores) - np.mean(p.scores)) ** 2) for p in points]) * rows
    below = share < 1.0
    repeats = int((seeds[below] - 1).sum())
    if repeats < _LEAST_REPEATS:
        raise ValueError(f"{repeats} repeated scores below the largest size cannot show the noise; at least 4 can")
    noise = float((spread[below] / (1.0 - share[below])).sum() / repeats)
    if noise < 1e-15:
        raise ValueError("the scores do not vary between seeds: their noise is unknown, so is any interval")
    return _Probe(rows, errors, noise / rows * (share + (1.0 - share) / seeds), noise)


def _draws(probe: _Probe, draws: int, seed: int) -> tuple[_Drawn, float]:
    """Curves through the points as moved by their noise, and by how much the misfit widens that noise."""
    fitted = _solve(probe, probe.errors[None, :])
    wider = max(1.0, float(fitted.misfit[0]) / (len(probe.rows) - 3))
    moves = np.random.default_rng([seed, 0]).standard_normal((draws, len(probe.rows)))
    moved = np.clip(probe.errors + moves * np.sqrt(wider * probe.variance), 0.0, 1.0)
    return _solve(probe, moved), wider


def _solve(probe: _Probe, errors: Floats) -> _Drawn:
    """The best curve through each row of `errors` (n_draws, n_sizes), over all shifts."""
    best = _solve_shift(probe, errors, 0.0)
    for shift in _SHIFTS[1:]:
        found = _solve_shift(probe, errors, shift)
        cost = _SHIFT_COST * (best.shift == 0.0)
        better = found.misfit + cost < best.misfit
        best = _Drawn(*(np.where(better, new, old) for new, old in zip(found, best, strict=True)))
    return best


def _solve_shift(probe: _Probe, errors: Floats, shift: float) -> _Drawn:
    """Weighted least squares for every exponent at once; a bound that is passed is where the optimum lies."""
    total = float((1.0 / probe.variance).sum())
    weights = 1.0 / probe.variance / total
    bases = ((probe.rows / probe.rows.max() + shift) / (1.0 + shift))[None, :] ** -_EXPONENTS[:, None]
    middle, mean = bases @ weights, (errors @ weights)[:, None]
    apart = bases - middle[:, None]
    scale = ((errors - mean) * weights) @ apart.T / (apart**2 @ weights)
    floor = mean - scale * middle
    scale = np.where(floor < 0.0, (errors * weights) @ bases.T / (bases**2 @ weights), scale)
    floor = np.where(scale < 0.0, mean, np.maximum(floor, 0.0))
    scale = np.maximum(scale, 0.0)
    misses = errors[:, None, :] - floor[:, :, None] - scale[:, :, None] * bases[None, :, :]
    misfit = total * (misses**2 @ weights)
    row, best = np.arange(len(errors)), misfit.argmin(axis=1)
    picked = (floor[row, best], scale[row, best], _EXPONENTS[best], np.full(len(errors), shift), misfit[row, best])
    return _Drawn(*picked)


def _check(points: Sequence[Point]) -> None:
    sizes = [point.rows for point in points]
    if len(set(sizes)) < len(sizes) or min(sizes, default=1) < 1:
        raise ValueError("each size is given once and is at least 1 row")
    if len(sizes) < _LEAST_SIZES:
        raise ValueError(f"{len(sizes)} sizes cannot show the bend of a learning curve; at least 4 can")
    if not all(point.scores and all(0.0 <= score <= 1.0 for score in point.scores) for point in points):
        raise ValueError("each size has scores, and a score lies in 0..1")
