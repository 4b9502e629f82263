"""Format drift: outputs that are not in the shape that the held-out rows ask for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.compare.rows import Held
from toolkit.core.text import normal_text
from toolkit.stats.paired import binary_gain
from toolkit.stats.power import mcnemar

MOSTLY = 0.9


class Drift(NamedTuple):
    """Outputs off the shape, before and after, of `rows`. shape: what was asked for. p: of no difference."""

    shape: str
    before: int
    after: int
    rows: int
    p: float

    @property
    def rise(self) -> float:
        """Share of rows that are off the shape after and were not before, net; below 0 where it became better."""
        return (self.after - self.before) / self.rows


def drift(held: Held, before: Sequence[str | None], after: Sequence[str | None]) -> Drift:
    """How many outputs of each model are off the shape: a known label, JSON, or at least not empty."""
    name, fits = _shape(held)
    off = [np.array([text is None or not fits(text) for text in side]) for side in (before, after)]
    return Drift(name, int(off[0].sum()), int(off[1].sum()), len(held.ref), _p(off[0], off[1], held.group))


def _p(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], group: npt.NDArray[np.int64]) -> float:
    groups = len(np.unique(group))
    if 2 <= groups < len(group):
        return binary_gain(after.astype(float) - before, group).p
    return mcnemar(int((after & ~before).sum()), int((before & ~after).sum())).mid_p


def _shape(held: Held) -> tuple[str, Callable[[str], bool]]:
    expected = [each for each in held.expected if each]
    if held.labelled:
        known = {normal_text(each) for each in expected}
        return f"one of {len(known):,} labels", lambda text: normal_text(text) in known
    if expected and np.mean([_is_json(each) for each in expected]) >= MOSTLY:
        return "JSON", _is_json
    return "not empty", lambda text: bool(text.strip())


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
