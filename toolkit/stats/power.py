"""What a held-out set can show when two models answer the same rows.

Of n rows only the discordant ones speak: `gained` were wrong before and are right now, `lost` the reverse.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit.stats import quantiles
from toolkit.stats.intervals import Interval


class PairedTest(NamedTuple):
    """Two-sided p-values of no difference: `exact` is conservative, `mid_p` is close to its nominal size."""

    exact: float
    mid_p: float


def mcnemar(gained: int, lost: int) -> PairedTest:
    """Paired test of two models on the same rows, from the discordant counts alone.

    A tie is p = 1, no discordant row at all among them. Raises ValueError on a negative count.
    Method: McNemar (1947), the binomial form; mid-p as in Fagerland, Lydersen and Laake (2013).
    """
    if min(gained, lost) < 0:
        raise ValueError(f"counts are not negative: {gained} gained, {lost} lost")
    total = gained + lost
    mass = _binomial(total, 0.5)
    tail = 2.0 * float(mass[: min(gained, lost) + 1].sum())
    return PairedTest(min(1.0, tail), min(1.0, tail - float(mass[min(gained, lost)])))


def gain_interval(gained: int, lost: int, n: int, *, level: float = 0.95) -> Interval:
    """Interval of the gain in share of right answers, (gained - lost) / n, inside -1..1.

    Raises ValueError where n is 0 or the counts do not fit into it.
    Method: Bonett and Price (2012), Wald after one more gained and one more lost row.
    """
    if n < 1 or min(gained, lost) < 0 or gained + lost > n:
        raise ValueError(f"{gained} gained and {lost} lost do not fit into {n} rows")
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = quantiles.normal(level) * sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))


def rows_needed(gain: float, *, discordance: float = 0.15, power: float = 0.8, alpha: float = 0.05) -> int:
    """Held-out rows with which a true `gain` (a share, .02 is two points) is found with probability `power`.

    `discordance` is the share of rows on which the models differ in being right; it cannot be below the gain.
    Two-sided test at `alpha`. Method: Connor (1987), normal approximation without continuity correction;
    at small gains `paired_power` agrees, under about 15 discordant rows it is optimistic.
    Raises ValueError where gain is not in 0 < gain <= discordance <= 1, or power <= alpha.
    """
    _check_gain(gain, discordance)
    return ceil(_rows(gain, discordance, power, alpha))


def detectable_gain(n: int, *, discordance: float = 0.15, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """Smallest true gain (a share) that a paired test on `n` rows finds with probability `power`.

    None where even a model that loses no row, so that gain = discordance, would not be found: the set is too small.
    Method: Connor (1987) solved for the gain, in closed form. Raises ValueError as `rows_needed`, and where n is 0.
    """
    if n < 1:
        raise ValueError("no rows can show no gain: at least one row is needed")
    _check_gain(discordance, discordance)
    if _rows(discordance, discordance, power, alpha) > n:
        return None
    z_test, z_power = _quantiles(power, alpha)
    # The root in g of z_test sqrt(d) + z_power sqrt(d - g^2) = g sqrt(n); the sign of z_power picks it.
    spread = max(0.0, n - z_test**2 + z_power**2)
    gain = sqrt(discordance) * (z_test * sqrt(n) + z_power * sqrt(spread)) / (n + z_power**2)
    return min(discordance, gain)


def paired_power(n: int, gain: float, *, discordance: float = 0.15, alpha: float = 0.05) -> float:
    """Probability that the mid-p McNemar test on `n` rows finds a true `gain`; exact, over every possible outcome.

    Costs one pass over 0..n discordant rows; meant for n up to some ten thousand.
    Raises ValueError where n is 0 or gain is not in 0 < gain <= discordance <= 1.
    """
    if n < 1:
        raise ValueError("no rows have no power: at least one row is needed")
    _check_gain(gain, discordance)
    share = (1.0 + gain / discordance) / 2.0
    counts = _binomial(n, discordance)
    likely = np.flatnonzero(counts > 1e-9)
    return float(sum(counts[total] * _rejects(int(total), share, alpha) for total in likely))


def _rejects(total: int, share: float, alpha: float) -> float:
    """Probability that `total` discordant rows, each gained with probability `share`, come out significant."""
    null = _binomial(total, 0.5)
    mid_p = 2.0 * np.cumsum(null) - null
    losing = np.flatnonzero(mid_p[: total // 2 + 1] <= alpha)
    if losing.size == 0:
        return 0.0
    truth, last = _binomial(total, share), int(losing[-1])
    return float(truth[: last + 1].sum() + truth[total - last :].sum())


def _binomial(n: int, p: float) -> NDArray[np.float64]:
    """Probabilities (n + 1,) of 0..n hits, by logarithms so that large n neither under- nor overflows."""
    from scipy.special import gammaln, xlog1py, xlogy

    k = np.arange(n + 1, dtype=np.float64)
    logs = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0) + xlogy(k, p) + xlog1py(n - k, -p)
    return np.asarray(np.exp(logs), dtype=np.float64)


def _rows(gain: float, discordance: float, power: float, alpha: float) -> float:
    z_test, z_power = _quantiles(power, alpha)
    return ((z_test * sqrt(discordance) + z_power * sqrt(discordance - gain**2)) / gain) ** 2


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    if not 0.0 < alpha < power < 1.0:
        raise ValueError(f"alpha {alpha} and power {power} must satisfy 0 < alpha < power < 1")
    return NormalDist().inv_cdf(1.0 - alpha / 2.0), NormalDist().inv_cdf(power)


def _check_gain(gain: float, discordance: float) -> None:
    if not 0.0 < gain <= discordance <= 1.0:
        raise ValueError(f"gain {gain} and discordance {discordance} must satisfy 0 < gain <= discordance <= 1")
