"""What a check leaves to a judge: the question, and the kinds of its findings that a model may settle."""

from __future__ import annotations

from typing import NamedTuple


class Judging(NamedTuple):
    """One question about two texts, A of the row and B of the reference, that yes or no answers.

    kinds: those of the findings that it is asked of. items: B is the item as contamination has it, not the whole row.
    """

    question: str
    kinds: tuple[str, ...]
    items: bool = False
