"""A found span, and the words around it that make it likelier."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """A place in a text that holds personal data. score: how sure shape, check digits and context make it, 0 to 1."""

    start: int
    end: int
    type: str
    score: float


def words(*alternatives: str, within: int = 48) -> re.Pattern[str]:
    """A pattern for the text before a span: one of the words among its last `within` characters.

    Letters of other scripts than Latin may touch it. A word in a placeholder such as `[PHONE_1]` is no
    context: redacting one span must not raise another.
    """
    return re.compile(rf"(?i)(?a:(?<![\w\[]))(?:{'|'.join(alternatives)})(?a:(?![\w\]])).{{0,{within}}}\Z", re.DOTALL)


def preceded(text: str, start: int, context: re.Pattern[str], reach: int = 72) -> bool:
    """Whether the context stands before `start`."""
    return context.search(text, max(0, start - reach), start) is not None


def apart(found: Iterable[Span]) -> list[Span]:
    """The spans in order without overlaps: the surer wins, then the longer, then the earlier."""
    starts: list[int] = []
    kept: list[Span] = []
    for each in sorted(found, key=lambda span: (-span.score, span.start - span.end, span.start, span.type)):
        at = bisect(starts, each.start)
        if (not at or kept[at - 1].end <= each.start) and (at == len(kept) or each.end <= starts[at]):
            starts.insert(at, each.start)
            kept.insert(at, each)
    return kept
