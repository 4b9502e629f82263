"""How many rows and classes there really are, once copies and imbalance are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

REPORT_ROWS = 30
MACRO_ROWS = 10

Measurable = Literal["report", "macro", "not measurable"]


class EffectiveRows(NamedTuple):
    """`n_eff` = n / design effect: the independent rows that `n` clustered rows are worth."""

    n: int
    n_eff: float
    design_effect: float
    clusters: int


class EffectiveClasses(NamedTuple):
    """`present` classes have a row; `entropy` and `simpson` say how many equal classes would be as diverse."""

    present: int
    entropy: float
    simpson: float


class Measurability(NamedTuple):
    """Class names by what their held-out rows allow: a figure of their own, a place in the macro average, nothing."""

    report: tuple[str, ...]
    macro: tuple[str, ...]
    not_measurable: tuple[str, ...]


def effective_rows(sizes: ArrayLike, *, correlation: float = 1.0) -> EffectiveRows:
    """What rows in clusters of `sizes` (n_clusters,) are worth for a mean over all rows.

    `correlation` within clusters lies in 0..1; 1 says that the rows of a cluster are copies, which is the
    careful answer for near-duplicates. Method: Kish (1965), design effect 1 + (sum m^2 / sum m - 1) x correlation.
    Raises ValueError on no clusters, a size below 1, or a correlation outside 0..1.
    """
    counts = _counts(sizes, least=1)
    if not 0.0 <= correlation <= 1.0:
        raise ValueError(f"a correlation within clusters lies in 0..1, not {correlation}")
    n = float(counts.sum())
    effect = 1.0 + (float(counts @ counts) / n - 1.0) * correlation
    return EffectiveRows(int(n), n / effect, effect, len(counts))


def effective_classes(counts: ArrayLike) -> EffectiveClasses:
    """Diversity of class counts (n_classes,), from 1 (all rows in one class) to the number of classes present.

    `entropy` is exp of the Shannon entropy, `simpson` the inverse Simpson index, which rare classes move less.
    Method: Hill (1973), numbers of order 1 and 2. Raises ValueError on a negative count, or where no row is counted.
    """
    shares = _shares(counts)
    entropy = float(np.exp(-(shares * np.log(shares)).sum()))
    present = len(shares)
    return EffectiveClasses(present, min(entropy, present), min(1.0 / float(shares @ shares), present))


def imbalance_ratio(counts: ArrayLike) -> float | None:
    """Largest class over smallest, at least 1; None where a named class has no row, as no number says that.

    Raises ValueError on a negative count, or where no row is counted.
    """
    rows = _counts(counts, least=0)
    _shares(rows)
    return None if rows.min() == 0 else float(rows.max() / rows.min())


def measurable(rows: int) -> Measurable:
    """What a class with `rows` held-out rows can show; at 30 rows and a true 80 % it is still 14 points either way.

    `report`: 30 or more, a figure of its own. `macro`: 10 or more, a share in the macro average. Else not measurable.
    Raises ValueError on a negative count.
    """
    if rows < 0:
        raise ValueError(f"a class cannot have {rows} rows")
    if rows >= REPORT_ROWS:
        return "report"
    return "macro" if rows >= MACRO_ROWS else "not measurable"


def measurability(counts: Mapping[str, int]) -> Measurability:
    """Classes of a held-out set by `measurable`, each group in the order of the mapping; `report` are in macro too."""
    verdicts = {name: measurable(rows) for name, rows in counts.items()}

    def of(verdict: Measurable) -> tuple[str, ...]:
        return tuple(name for name, found in verdicts.items() if found == verdict)

    return Measurability(of("report"), of("macro"), of("not measurable"))


def _shares(counts: ArrayLike) -> NDArray[np.float64]:
    rows = _counts(counts, least=0)
    if rows.sum() == 0:
        raise ValueError("no class has a row: there is nothing to count")
    return np.asarray(rows[rows > 0] / rows.sum(), dtype=np.float64)


def _counts(counts: ArrayLike, *, least: int) -> NDArray[np.float64]:
    rows = np.asarray(counts, dtype=np.float64)
    if rows.ndim != 1 or rows.size == 0:
        raise ValueError(f"counts are a list with at least one number, not of shape {rows.shape}")
    if not (rows == np.floor(rows)).all() or rows.min() < least:
        raise ValueError(f"counts are whole numbers of at least {least}")
    return rows
