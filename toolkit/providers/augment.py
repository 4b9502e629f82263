"""The user's own rows in other words that leave their label as it is: no key, no network, no new content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar

import orjson

from toolkit.core.request import PARENT, Capacity, Cell, Declined, Reply, Request
from toolkit.providers.typos import with_typo

_SHORT = {
    **{"do not": "don't", "does not": "doesn't", "did not": "didn't", "cannot": "can't", "is not": "isn't"},
    **{"i am": "i'm", "i have": "i've", "it is": "it's", "you are": "you're", "we are": "we're", "i would": "i'd"},
    **{"will not": "won't", "could not": "couldn't", "would not": "wouldn't", "what is": "what's", "that is": "that's"},
}
_LONG = {short: long for long, short in _SHORT.items()}
_OPENINGS = ("Hi, ", "Hello, ", "Good morning, ", "Hey, ", "Dear team, ", "Quick question: ")
_CLOSINGS = (" Thanks.", " Thank you.", " Please let me know.", " Any help is welcome.", " Thanks in advance!")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class AugmentProvider:
    """Rewrites of the rows under `seeds`, one surface change or two at a time.

    Contractions are written out or drawn together, a greeting or a closing is put in front or behind,
    the case falls, the last sentence trades places with the one before, or one word is misspelled. The
    label stays because nothing that is said changes, and for the same reason this adds no variety of
    content: use it to make a classifier steady, not to make few rows many. A rewrite names the row it
    comes from in `lineage.parents`, so a split keeps the two on one side.

    Every row says `source_kind: augment`.
    """

    id: ClassVar[str] = "augment"
    version: ClassVar[str] = "1"
    source_kind: ClassVar[str] = "augment"
    free: ClassVar[bool] = True
    reads_prompt: ClassVar[bool] = False
    reads_examples: ClassVar[bool] = True
    per_call: ClassVar[int] = 6

    seed: int = 0
    changes: int = 2

    @property
    def model(self) -> str:
        return f"augment:{self.version}:{self.seed}:{self.changes}"

    def capacity(self, cell: Cell) -> Capacity | None:
        """None: it hangs on the rows, which are shown one by one."""
        return None

    async def complete(self, request: Request) -> Reply:
        seed = request.seed
        if not seed.examples:
            what = f"no row of '{seed.cell.label}' is at hand to rewrite"
            raise Declined(f"{what}: name your rows under `seeds`, with this label among them")
        texts, origins = [], []
        for nth in range(seed.rows):
            example = seed.examples[nth % len(seed.examples)]
            texts.append(self.rewritten(example.text, seed.sample + nth))
            origins.append(f"{PARENT}{example.ref or _mark(example.text)}")
        return Reply(orjson.dumps(texts).decode(), self.id, origins=tuple(origins))

    def rewritten(self, text: str, nth: int) -> str:
        """A rewrite of a text: a function of it, the seed and `nth` alone."""
        rng = Random(f"{self.seed}|{nth}|{text}")  # noqa: S311 - no secret is made
        changes = rng.sample(sorted(CHANGES), k=rng.randint(1, max(1, min(self.changes, len(CHANGES)))))
        for change in changes:
            text = CHANGES[change](text, rng)
        return text


def _contracted(text: str, rng: Random) -> str:
    return _swapped(text, _SHORT, rng)


def _spelled_out(text: str, rng: Random) -> str:
    return _swapped(text, _LONG, rng)


def _swapped(text: str, words: Mapping[str, str], rng: Random) -> str:
    """One of the words that are in the text is traded, its first letter as it was."""
    found = [word for word in words if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)]
    if not found:
        return text
    word = rng.choice(found)

    def traded(match: re.Match[str]) -> str:
        new = words[word]
        return new[0].upper() + new[1:] if match.group()[0].isupper() else new

    return re.sub(rf"\b{re.escape(word)}\b", traded, text, count=1, flags=re.IGNORECASE)


def _greeted(text: str, rng: Random) -> str:
    starts = text[:1].isupper() and text[:2] != text[:2].upper()
    return rng.choice(_OPENINGS) + (text[0].lower() + text[1:] if starts else text)


def _closed(text: str, rng: Random) -> str:
    return text.rstrip() + ("" if text.rstrip()[-1:] in ".!?" else ".") + rng.choice(_CLOSINGS)


def _lower(text: str, rng: Random) -> str:
    return text.lower().rstrip(".")


def _moved(text: str, rng: Random) -> str:
    parts = _SENTENCE.split(text)
    return " ".join([*parts[:-2], parts[-1], parts[-2]]) if len(parts) > 2 else text


def _mark(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


CHANGES: Mapping[str, Callable[[str, Random], str]] = {
    "contracted": _contracted,
    "spelled out": _spelled_out,
    "greeted": _greeted,
    "closed": _closed,
    "lower": _lower,
    "moved": _moved,
    "typo": with_typo,
}
