"""Passages that two rows share, and what each asks beside them.

A document under many questions, or one answer to many, is most of the text of such rows: they are nearly
the same text, and teach something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from toolkit.near.folded import skeleton

PASSAGE = 100
"""Characters that two rows must share in whole sentences; shorter rows are compared as they stand."""
ALIKE = 0.4
"""Jaccard, of five-character shingles, from which what is left of two prompts asks the same: a typing error
or another word in a short question leaves more."""
_END = re.compile(r"(?<=[.!?;:])\s+|(?<=[。！？；：])|\n+")


class Asked(NamedTuple):
    """A row that is asked and answered, as normalised sentences. answer is empty where nobody answers."""

    prompt: tuple[str, ...]
    answer: tuple[str, ...]


def asked(prompt: str, answer: str | None) -> Asked:
    """A row by its sentences and lines."""
    return Asked(sentences(prompt), sentences(answer or ""))


def ask_otherwise(one: Asked, other: Asked) -> bool:
    """Whether two rows that share a passage ask different things: what is left of their prompts differs.

    False where nobody answers, where one prompt holds the other, and where all that is shared is short.
    """
    if not one.answer or not other.answer or one.prompt == other.prompt:
        return False
    shared = {*one.prompt} & {*other.prompt} | {*one.answer} & {*other.answer}
    if sum(map(len, shared)) < PASSAGE:
        return False
    left, right = (_shingles(sentence for sentence in row.prompt if sentence not in shared) for row in (one, other))
    return bool(left and right) and len(left & right) < ALIKE * len(left | right)


def asking_otherwise(rows: Sequence[Asked], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`ask_otherwise` of pairs of rows by their places, shape (n_pairs,)."""
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return np.fromiter((ask_otherwise(rows[a], rows[b]) for a, b in pairs), bool, len(left))


def sentences(text: str) -> tuple[str, ...]:
    """The skeletons of the sentences and lines of a text (see `near.folded`); empty ones are left out."""
    return tuple(filter(None, map(skeleton, _END.split(text))))


def _shingles(sentences: Iterator[str]) -> set[str]:
    text = " ".join(sentences)
    return {text[at : at + 5] for at in range(max(1, len(text) - 4))} if text else set()
