"""Quantiles of the three distributions that intervals are made of."""

from __future__ import annotations

from statistics import NormalDist


def tails(level: float) -> float:
    """The probability outside a two-sided interval of `level`, both tails together.

    Raises ValueError unless `level` lies strictly between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    return 1.0 - level


def normal(level: float) -> float:
    """Half-width in standard errors of a two-sided normal interval: 1.96 at .95."""
    return NormalDist().inv_cdf(1.0 - tails(level) / 2.0)


def student(level: float, freedom: float) -> float:
    """Half-width in standard errors of a two-sided Student interval with `freedom` > 0 degrees of freedom."""
    from scipy.special import stdtrit

    if freedom <= 0:
        raise ValueError(f"a Student interval needs more than 0 degrees of freedom, not {freedom}")
    return float(stdtrit(freedom, 1.0 - tails(level) / 2.0))


def beta(probability: float, a: float, b: float) -> float:
    """Quantile of the beta distribution with shapes `a` and `b`, both above 0."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))
