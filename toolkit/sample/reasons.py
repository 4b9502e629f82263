"""Why a row is asked, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.sample.signals import Told


def reason(
    group: str,
    told: Told,
    *,
    likely: Sequence[tuple[str, float]] = (),
    nearest: Mapping[str, Any] | None = None,
    n_similar: int = 1,
    harder: float | None = None,
) -> str:
    """One sentence. likely: the two most probable classes with their shares; harder: the share of easier rows."""
    words = [_why(group, told, likely, nearest, harder)]
    if group != "audit":
        if told.bad:
            words.append("users or the system were not content with the answer")
        if n_similar > 1:
            words.append(f"stands for {n_similar:,} requests")
    return "; ".join(words)


def _why(
    group: str, told: Told, likely: Sequence[tuple[str, float]], nearest: Mapping[str, Any] | None, harder: float | None
) -> str:
    if group == "audit":
        return "drawn by chance: rows like this tell the real error rate"
    if group == "novel":
        like = f" (cosine {nearest['similarity']:.2f} to the nearest)" if nearest else ""
        return f"like no labelled row{like}: a new topic, or out of scope?"
    if len(likely) == 2:
        (one, first), (other, second) = likely
        return f"between '{one}' ({first:.0%}) and '{other}' ({second:.0%})"
    if told.confidence is not None:
        return f"the model is {told.confidence:.0%} sure of its answer"
    if harder is not None:
        return f"harder than {harder:.0%} of the pool"
    return "stands for many rows that have no label near them"
