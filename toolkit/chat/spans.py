"""Ranges of tokens that have a loss: a few numbers a row instead of one label a token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from toolkit.chat.example import Example, Trained
from toolkit.chat.tokenizer import Encoded

Span = tuple[int, int]


def joined(spans: Iterable[Span]) -> list[Span]:
    """Sorted ranges without overlaps; empty ones are left out."""
    found: list[Span] = []
    for begin, end in sorted(each for each in spans if each[0] < each[1]):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def clipped(spans: Iterable[Span], begin: int, end: int) -> list[Span]:
    """What of the ranges lies in `begin` to `end`, counted from `begin`."""
    cut = ((max(low, begin) - begin, min(high, end) - begin) for low, high in spans)
    return [each for each in cut if each[0] < each[1]]


def total(spans: Iterable[Span]) -> int:
    """Tokens in ranges that do not overlap."""
    return sum(end - begin for begin, end in spans)


def windowed(example: Example, ids: Sequence[int], spans: Sequence[Span], window: Span) -> Trained:
    """The row when only the tokens of `window` are left of it."""
    begin, end = window
    left = clipped(spans, begin, end)
    wanted, had = total(spans), total(left)
    lost_context = (len(ids) - wanted) > (end - begin - had)
    return Trained(
        example.row,
        True,
        full=len(ids),
        wanted=wanted,
        answer_cut=had < wanted,
        prompt_cut=lost_context,
        ids=ids[begin:end],
        spans=left,
    )


def dropped(trained: Trained, why: str) -> Trained:
    """The same row, not kept."""
    return trained._replace(kept=False, reason=why, ids=(), spans=())


def first_token(encoded: Encoded, character: int) -> int | None:
    """The token that covers a character; None where no token does. The offsets of a tokenizer are in order."""
    if encoded.starts is None or encoded.ends is None:
        return None
    at = int(np.searchsorted(encoded.ends, character, side="right"))
    return at if at < len(encoded.ids) and encoded.starts[at] <= character else None


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    return next(at for at in range(most) if one[at] != other[at])
