"""Documents in pieces that fit a prompt: cut at paragraphs, then at sentences, each piece a little into the next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toolkit.core.errors import UsageError

CLOSES = re.compile(r"[.!?。！？]\Z")


class Passage(NamedTuple):
    """A piece of a document. source: the document's name. nth: its place in the document, 0-based."""

    text: str
    source: str
    nth: int = 0

    @property
    def ref(self) -> str:
        return f"{self.source}#{self.nth}"


def passages(text: str, source: str, *, words: int = 250, overlap: int = 40) -> Iterator[Passage]:
    """The pieces of a document, of at most `words` words, each beginning with the last `overlap` of the one before.

    Line breaks stay, for a list or a table lives by them. A sentence longer than `words` is cut between words.
    Pieces of white space alone are left out. Raises UsageError where the overlap leaves no room.
    """
    if not 0 <= overlap < words:
        raise UsageError(f"passages of {words} words cannot share {overlap}", "overlap less than words")
    places = [match.span() for match in re.finditer(r"\S+", text)]
    first = fresh = last = nth = 0
    for end in _ends(text, places, words - overlap):
        if last > first and end - first > words:
            yield Passage(_shown(text[places[first][0] : places[last - 1][1]]), source, nth)
            first, fresh, nth = max(first, last - overlap), last, nth + 1
        last = end
    if last > fresh:
        yield Passage(_shown(text[places[first][0] : places[last - 1][1]]), source, nth)


def _ends(text: str, places: Sequence[tuple[int, int]], words: int) -> Iterator[int]:
    """The words before which a document may be cut: after each sentence and paragraph, and after so many words."""
    since = 0
    for nth, (start, end) in enumerate(places, 1):
        follows = text[end : places[nth][0]] if nth < len(places) else "\n\n"
        if nth - since == words or follows.count("\n") > 1 or CLOSES.search(text[start:end]):
            since = nth
            yield nth


def _shown(text: str) -> str:
    return re.sub(r"\n\s*\n\s*\n", "\n\n", re.sub(r"(?<=\S)[ \t]+", " ", text))
