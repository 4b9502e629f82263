"""Train, dev and held-out rows of a verified run, with nothing alike on both sides."""

from __future__ import annotations

from toolkit.split.driver import split, split_given
from toolkit.split.plan import SplitOptions
from toolkit.split.result import SplitPart, SplitResult, load_split

__all__ = ["SplitOptions", "SplitPart", "SplitResult", "load_split", "split", "split_given"]
