"""Instructions that the user's own rows share, as those of a classifier do: no evidence that two rows are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

FEWEST = 8
"""Rows of one file that must begin or end with it: files to avoid are often small, and one row is judged at a time."""


def bare(files: Iterable[Sequence[str]]) -> Callable[[str], str]:
    """A function that takes from a text what the texts of one of these files begin or end with."""
    starts, ends = set[str](), set[str]()
    for texts in files:
        found, turned = _shared(texts), _shared([text[::-1] for text in texts])
        starts.update(found)
        ends.update(text[::-1] for text in turned)
    if not starts and not ends:
        return str
    first, last = (tuple(sorted(each, key=lambda text: (-len(text), text))) for each in (starts, ends))

    def without(text: str) -> str:
        head = next((each for each in first if text.startswith(each)), "")
        tail = next((each for each in last if text.endswith(each)), "")
        rest = text[len(head) : len(text) - len(tail)]
        return rest if rest.strip() else text

    return without


def _shared(texts: Sequence[str]) -> list[str]:
    from toolkit.store.shared import instructions

    return instructions(sorted({*texts}), FEWEST) if len(texts) >= FEWEST else []
