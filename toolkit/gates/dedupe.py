"""The gate of duplicates: a candidate differs from all that was accepted, shown or is to be avoided."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard
from toolkit.core.request import Cell, GeneratedRow
from toolkit.core.text import mask_numbers, normal_text
from toolkit.gates._instructions import bare

if TYPE_CHECKING:
    from toolkit.near.growing import Growing

ACCEPTED = "an accepted row"


@dataclass(frozen=True, slots=True)
class Dedupe:
    """A candidate differs from accepted rows, seeds and the files to avoid, once both are normalised.

    mask_numbers: texts that differ in their numbers alone count as one. near: a Jaccard of 5-character
    shingles from which texts count as one too, as in the check `near-duplicate`; 0 compares whole texts
    alone. An instruction that at least eight rows of one of your files begin or end with, such as that of
    a classifier, is left out there: it would make all rows alike. Whole texts are remembered as 128-bit
    digests: a chance collision in 10^9 rows is below 10^-20. Missed: paraphrases.
    """

    id: ClassVar[str] = "dedupe"
    rank: ClassVar[int] = 30
    costly: ClassVar[bool] = False

    mask_numbers: bool = True
    near: float = 0.0

    def guard(self, context: Context) -> Guard:
        if not 0.0 <= self.near <= 1.0:
            raise UsageError(f"dedupe: near is {self.near}, which is no Jaccard", "a number from 0 to 1, such as 0.85")
        known = (*context.avoid.items(), *context.seeds.items())
        found = _Remembered(self.mask_numbers, self._index(), bare(texts for _, texts in known) if self.near else str)
        for where, texts in known:
            found.shun(texts, where)
        return found

    def _index(self) -> Growing | None:
        if not self.near:
            return None
        from toolkit.near.growing import Growing

        return Growing(self.near)


@dataclass(slots=True)
class _Remembered:
    """Texts seen so far; where each stands. bare: a text without an instruction that the user's rows share."""

    id: ClassVar[str] = "dedupe"
    mask_numbers: bool
    index: Growing | None
    bare: Callable[[str], str]
    seen: dict[bytes, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        where = next((self.seen[mark] for mark in self._marks(row) if mark in self.seen), "")
        if where:
            return f"the same text as {where}{', numbers aside' if self.mask_numbers else ''}"
        met = None if self.index is None else self.index.nearest(self._shown(self.bare(row.text)))
        return "" if met is None else f"nearly the same text as {self.places[met.row]} (Jaccard {met.jaccard:.2f})"

    def keep(self, row: GeneratedRow) -> None:
        self.seen.update(dict.fromkeys(self._marks(row), ACCEPTED))
        self._index_too(row.text, ACCEPTED)

    def shun(self, texts: Sequence[str], where: str) -> None:
        """Refuse these texts from now on."""
        for text in texts:
            self.seen.setdefault(self._mark(text), where)
            self._index_too(text, where)

    def _index_too(self, text: str, where: str) -> None:
        if self.index is not None:
            self.index.add(self._shown(self.bare(text)))
            self.places.append(where)

    def _marks(self, row: GeneratedRow) -> list[bytes]:
        """Of what makes it a duplicate, and of its prompt: that is what the user's rows are read as."""
        prompt = row.fields.get("prompt")
        return [self._mark(text) for text in dict.fromkeys((row.text, prompt)) if isinstance(text, str) and text]

    def _mark(self, text: str) -> bytes:
        return hashlib.blake2b(self._shown(text).encode(), digest_size=16).digest()

    def _shown(self, text: str) -> str:
        normal = normal_text(text)
        return mask_numbers(normal) if self.mask_numbers else normal
