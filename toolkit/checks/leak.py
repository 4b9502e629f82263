"""L01: no row of one set in another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.judging import Judging
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store.columns import null_where_blank
from toolkit.store.view import View

FLOOR = 0.05
SURE = 0.9
NEAR_COPY = 0.7
WORDS = {
    "exact": "stands in",
    "folded": "stands, but for letters that look alike, accents or punctuation, in",
    "near": "nearly stands in",
    "edited": "stands with typos or changed words in",
    "contained": "stands in part, or a part of it, in",
}


class Match(NamedTuple):
    """The row of a reference that one was most surely made of."""

    kind: str
    score: float
    other: str
    evidence: dict[str, JSON]


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out row that also stands in the training data measures memory, not skill.

    Each row is compared with every reference (`--against FILE`, or the other side of a split) twice:
    its whole text without system turns, and its prompt alone, because a known question leaks with any
    answer. A prompt that more than ten rows and 1 % of a set share is an instruction, not a question,
    and is left out. The reference row of the most evidence is named. Kinds:

    `exact`: the same text but for case and blanks. `folded`: the same once letters that look alike
    (Cyrillic а, full-width ａ, 0 in a word), accents and punctuation are folded. `near`: a verified
    shingle Jaccard of `threshold`. `edited`: typos, words put in, left out or changed. `contained`: one
    was cut from the other, or wrapped.

    The score of the last three is evidence, not similarity: how much fewer edits the named row needs
    than the next best one, above the level that one in twenty rows of the reference reaches against its
    own others, because in a set of short requests everything has a near neighbour. Where one of the two
    alone begins with the other, the evidence grows the seldomer a row of the reference ends in that word.
    Then words are weighed: how surprising those in common are, one after the other, in this reference,
    how many only one side has, and whether one of these is a misspelling. A Jaccard of .9 scores .63 at
    least; rows over 1,024 bytes score their Jaccard. Facts: leaks by kind from .5 on, and that level.

    Missed: paraphrases and translations (see `semantic-leak`), small parts of long rows (see
    `contamination`). A row of many near copies in the reference has little evidence for each one. A
    natural near-paraphrase looks like an edit, and is reported: read a sample. Method: Broder 1997 for
    Jaccard; Myers 1999 for edits; Shannon 1948 for surprise.
    """

    id: ClassVar[str] = "leak"
    code: ClassVar[str] = "L01"
    version: ClassVar[int] = 5
    scope: ClassVar[str] = "references"
    judging: ClassVar[Judging] = Judging(
        "Was one of the two made of the other, by typing errors, by a few words changed, put in or left out, or by "
        "cutting it off, so that they ask or say the same? Two texts that only resemble each other are not the same.",
        ("near", "edited", "contained"),
    )
    reads: ClassVar[tuple[str, ...]] = ("body", "question", "ref")

    threshold: float = 0.7
    shingle: str = "c5"
    columns: tuple[str, ...] = ("body", "question")

    def run(self, view: View) -> Iterator[Result]:
        if not view.references:
            raise NotApplicable("no file to compare with; give one with --against")
        for reference in view.references:
            found: dict[int, Match] = {}
            level = 0.0
            for column in self._columns(view, reference):
                level = max(level, self._compare(view, reference, column, found))
            counts = dict.fromkeys(WORDS, 0)
            for row, match in sorted(found.items()):
                counts[match.kind] += match.score >= 0.5
                message = f"the row {WORDS[match.kind]} {reference.name}"
                evidence: dict[str, JSON] = {"other": match.other, "reference": reference.name, **match.evidence}
                yield Finding(row, match.score, message, kind=match.kind, evidence=evidence)
            yield Fact("rows compared", float(view.n_rows), "rows", reference.name)
            for kind, count in counts.items():
                yield Fact(f"{kind} leaks", float(count), "rows", reference.name)
            yield Fact("usual evidence within the reference", level, "nats", reference.name)

    def _columns(self, view: View, reference: View) -> tuple[str, ...]:
        """Prompts are not compared again where they are the whole rows."""
        same = all(
            batch.column("question").equals(batch.column("body"))
            for each in (view, reference)
            for batch in each.batches("body", "question")
        )
        return tuple(column for column in self.columns if not same or column == "body")

    def _compare(self, view: View, reference: View, column: str, found: dict[int, Match]) -> float:
        """Put the best match of every leaking row into `found`; returns the usual evidence."""
        from toolkit.near.edit_evidence import edited_from
        from toolkit.near.edit_neighbours import CUT

        own, others = view.table(column), reference.table(column, "ref")
        texts, known = (_asked(table.column(column), column) for table in (own, others))
        other, jaccard = self._nearest(texts, known)
        edits, level = edited_from(texts, known)
        long = pc.fill_null(pc.binary_length(texts), 0).to_numpy() > CUT
        least = np.where(long | (jaccard >= 1), jaccard, np.where(jaccard >= SURE, NEAR_COPY * jaccard, 0))
        score = np.where(edits.same & (jaccard < 1), 0.999, np.maximum(np.minimum(edits.score, 0.99), least))
        # A pair that only the shingles know, as of long rows, is named by them.
        named = np.where((jaccard >= 1) | (edits.row < 0) | (long & ~edits.same & (jaccard > 0)), other, edits.row)
        rows, refs = own.column("row").to_numpy(), others.column("ref")
        for at in np.flatnonzero((score >= FLOOR) & (named >= 0)).tolist():
            row = int(rows[at])
            if row in found and found[row].score >= score[at]:
                continue
            kind = _kind(jaccard[at], bool(edits.same[at]), bool(edits.part[at]))
            told: dict[str, JSON] = {"jaccard": round(float(jaccard[at]), 4)} if jaccard[at] else {}
            if kind in ("edited", "contained"):
                told["edits"] = int(edits.edits[at])
            found[row] = Match(kind, float(score[at]), refs[int(named[at])].as_py(), told)
        return level

    def _nearest(self, texts: pa.ChunkedArray, known: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
        """The row of `known` with the highest Jaccard from the threshold on, -1 for none, and that Jaccard."""
        from toolkit.near.pairs import near_pairs_between

        pairs = near_pairs_between(texts, known, threshold=self.threshold, shingle=self.shingle)
        other, jaccard = np.full(len(texts), -1, np.int64), np.zeros(len(texts))
        order = np.lexsort((pairs.right, -pairs.jaccard, pairs.left))
        _, first = np.unique(pairs.left[order], return_index=True)
        best = order[first]
        other[pairs.left[best]], jaccard[pairs.left[best]] = pairs.right[best], pairs.jaccard[best]
        return other, jaccard


def _kind(jaccard: float, same: bool, part: bool) -> str:
    if jaccard >= 1:
        return "exact"
    if same:
        return "folded"
    if jaccard:
        return "near"
    return "contained" if part else "edited"


def _asked(texts: pa.ChunkedArray, column: str) -> pa.ChunkedArray:
    """Texts to compare: blank ones, and prompts that many rows share, as null."""
    from toolkit.near.asked import own_prompts

    return own_prompts(texts) if column == "question" else null_where_blank(texts)
