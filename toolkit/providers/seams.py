"""Blanks and marks that empty slots leave, and which of them the texts of a grammar can have at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import NamedTuple

_BLANKS = re.compile(" {2,}")
_TWICE = re.compile(r"(?:(?<=[!?])|(?<=[^.]\.))\.(?=\s|$)|(?<!\.)\.(?=[!?]+(?:\s|$))")
# ` .env` and ` != 3` are words and stay.
_BEFORE = re.compile(r",? (?=[.,!?]+(?:[\s)\"'»”’]|$))")
_PARTED = (" .", " ,", " !", " ?")
_LINES = (" \n", "\n ")
_DOUBLED = ("..", "!.", "?.", ".!", ".?")
SEAMS = frozenset({"  ", *_PARTED, *_LINES, *_DOUBLED})
_MARKS = frozenset("".join(SEAMS))
_NONE: frozenset[str] = frozenset()


class Edge(NamedTuple):
    """What texts may begin and end with, as far as `tidy` cares, and the seams that may be inside them.

    empty: whether one of the texts is empty. seams: of `SEAMS`; one too many costs time, one too few a text.
    """

    empty: bool = True
    first: frozenset[str] = _NONE
    last: frozenset[str] = _NONE
    seams: frozenset[str] = _NONE


def edge_of(text: str) -> Edge:
    """The edge of one text."""
    if not text:
        return Edge()
    seams = frozenset(seam for seam in SEAMS if seam in text) if len(text) > 1 else _NONE
    return Edge(False, _MARKS.intersection(text[0]), _MARKS.intersection(text[-1]), seams)


@lru_cache(maxsize=65_536)
def after(left: Edge, right: Edge) -> Edge:
    """The edge of texts that are one of the left and one of the right."""
    met = SEAMS.intersection([one + two for one in left.last for two in right.first])
    return Edge(
        left.empty and right.empty,
        left.first | right.first if left.empty else left.first,
        right.last | left.last if right.empty else right.last,
        left.seams | right.seams | met,
    )


def in_turn(edges: Iterable[Edge]) -> Edge:
    return reduce(after, edges, Edge())


def either(edges: Iterable[Edge]) -> Edge:
    """The edge of texts of any of several kinds."""
    empty, first, last, seams = False, set[str](), set[str](), set[str]()
    for edge in edges:
        empty = empty or edge.empty
        first |= edge.first
        last |= edge.last
        seams |= edge.seams
    return Edge(empty, frozenset(first), frozenset(last), frozenset(seams))


_ANY = Edge(True, _MARKS, _MARKS, SEAMS)


class Tidy:
    """Texts without the blanks and marks that empty slots leave; only what their edge allows is looked for."""

    __slots__ = ("begins", "blanks", "ends", "lines", "parted", "twice")

    def __init__(self, edge: Edge = _ANY) -> None:
        seams = edge.seams
        self.begins = bool(edge.first.intersection(", \n"))
        self.ends = " " in edge.last
        self.blanks = "  " in seams
        self.parted = tuple(seam for seam in _PARTED if seam in seams)
        self.lines = tuple(seam for seam in _LINES if seam in seams)
        # Two marks with a blank between them meet once it has gone.
        self.twice = _DOUBLED if self.parted else tuple(seam for seam in _DOUBLED if seam in seams)

    def __call__(self, text: str) -> str:
        if self.ends and text.endswith(", "):
            text = text.rstrip(", ")
        text = text.strip()
        if self.begins and text[:1] == "," and text[1:2].isspace():
            text = text.lstrip(", \n")
        if self.blanks and "  " in text:
            text = _BLANKS.sub(" ", text)
        for seam in self.parted:
            if seam in text:
                text = _BEFORE.sub("", text)
                break
        for seam in self.lines:
            if seam in text:
                text = text.replace(seam, "\n")
        for seam in self.twice:
            if seam in text:
                return _TWICE.sub("", text)
        return text


tidy = Tidy()
