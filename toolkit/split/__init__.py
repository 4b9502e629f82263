"""Train, dev and held-out rows of a verified run, with nothing alike on both sides."""

from __future__ import annotations

from toolkit.split.driver import split, split_given
from toolkit.split.mix import MixOptions, load_mix, mix
from toolkit.split.plan import SplitOptions
from toolkit.split.result import SplitPart, SplitResult, load_split

__all__ = [
    "MixOptions",
    "SplitOptions",
    "SplitPart",
    "SplitResult",
    "load_mix",
    "load_split",
    "mix",
    "split",
    "split_given",
]
