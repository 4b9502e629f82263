"""L02: no paraphrase and no relative of one set in another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.judging import Judging
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store.view import View

NEAR = 0.7
FLOOR = 0.25
BELOW = 0.04
WORDS = {
    "paraphrase": "says nearly the same as a row of",
    "number-variant": "says with other numbers what stands in",
    "opposite": "is nearly, but for a negation or an opposite, in",
    "slot-variant": "is nearly, but for a name, day or thing, in",
}


@dataclass(frozen=True, slots=True)
class SemanticLeak:
    """A held-out row that was reworded from a training row, or made of the same source, flatters the score.

    Looked for in every reference (`--against FILE`, or the other parts of a split). By family, which needs
    no guess: `group` (a declared conversation, user or document stands on both sides) and `lineage` (rows
    of both sides share a parent, a document, a seed row). A seed or template that over 2 % of the rows
    share is how the set was made, and is only counted. By meaning, for review: `paraphrase`, and, because
    encoders hardly see them, apart `number-variant`, `opposite` and `slot-variant`. Pairs that `leak` sees
    by their letters (a Jaccard of .7) are left out.

    How near is near is read from this data: .5 of the score is a cosine within .11 of the median distance
    of random pairs across, and no less than what one in twenty reference rows has to its own nearest,
    within .88 to .985. Over `full` different texts static vectors propose pairs and the encoder decides.

    Missed: paraphrases that the encoder puts far apart, translations, families nobody declared.
    Source: Reimers and Gurevych 2019 (the encoder).
    """

    id: ClassVar[str] = "semantic-leak"
    code: ClassVar[str] = "L02"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "references"
    embeds: ClassVar[bool] = True
    judging: ClassVar[Judging] = Judging(
        "Do A and B say or ask the same thing in other words, with the same names, numbers and conditions? Texts on "
        "the same subject that ask for something else are not the same.",
        ("paraphrase",),
    )
    reads: ClassVar[tuple[str, ...]] = ("body", "ref", "group", "lineage", "hash")

    full: int = 20_000

    def run(self, view: View) -> Iterator[Result]:
        if not view.references:
            raise NotApplicable("no file to compare with; give one with --against")
        if view.encode is None and not any(_has_families(each) for each in (view, *view.references)):
            raise Skip("it needs text embeddings, which are switched off, and no row has a group or a lineage")
        for reference in view.references:
            yield from _families(view, reference)
            if view.encode is not None:
                yield from self._meanings(view, reference)

    def _meanings(self, view: View, reference: View) -> Iterator[Result]:
        from toolkit.near.semantic_across import nearest_across
        from toolkit.near.semantic_kinds import difference

        assert view.encode is not None  # noqa: S101 (run has asked)
        own, others = view.table("body"), reference.table("body", "ref")
        texts, known = own.column("body"), others.column("body")
        found = nearest_across(texts, known, view.encode, full=self.full)
        over = 0.5 + 0.5 * (found.cosine - found.bar) / (1 - found.bar)
        score = np.clip(np.where(found.cosine >= found.bar, over, 0.5 + 0.5 * (found.cosine - found.bar) / BELOW), 0, 1)
        fresh = (found.row >= 0) & ~_near(texts, known) & (score >= FLOOR)
        rows, flagged = own.column("row").to_numpy(), 0
        for at in np.flatnonzero(fresh).tolist():
            other = int(found.row[at])
            kind = difference(texts[at].as_py() or "", known[other].as_py() or "")
            flagged += kind == "paraphrase" and score[at] >= 0.5
            evidence: dict[str, JSON] = {"other": others.column("ref")[other].as_py(), "reference": reference.name}
            evidence["cosine"] = round(float(found.cosine[at]), 4)
            message = f"the row {WORDS[kind]} {reference.name}"
            yield Finding(int(rows[at]), float(score[at]), message, kind=kind, column="body", evidence=evidence)
        for name, value, unit in (
            ("semantic leaks", flagged, "rows"),
            ("texts embedded", found.embedded, "texts"),
            ("different texts of both sides", found.texts, "texts"),
            ("cosine threshold", found.bar, "cosine"),
            ("median cosine of random pairs across", found.random, "cosine"),
            ("cosine to the nearest within the reference, 95 %", found.within, "cosine"),
        ):
            yield Fact(name, float(value), unit, reference.name)


def _families(view: View, reference: View) -> Iterator[Result]:
    from toolkit.near.family import GROUP, across, adopt, members

    own, other = members(view), members(reference)
    adopt(view, own, other)
    adopt(reference, other, own)
    kin, split, crowd = across(own, other)
    for row, (kind, value, ref) in sorted(kin.items()):
        known = "group" if kind == GROUP else "lineage"
        message = f"a row of the same {kind.replace('_', ' ')} stands in {reference.name}"
        evidence: dict[str, JSON] = {"other": ref, "reference": reference.name, "family": kind, "value": value[:80]}
        yield Finding(row, 1.0, message, kind=known, column=known, evidence=evidence)
    for name, count in sorted(split.items()):
        yield Fact(f"families on both sides by {name}", float(count), "families", reference.name)
    for name, count in sorted(crowd.items()):
        yield Fact(f"rows of a {name} that too many rows share", float(count), "rows", reference.name)
    yield Fact("rows with kin across", float(len(kin)), "rows", reference.name)


def _has_families(view: View) -> bool:
    return any(
        batch.column(name).null_count < len(batch)
        for batch in view.batches("group", "lineage")
        for name in ("group", "lineage")
    )


def _near(texts: pa.ChunkedArray, known: pa.ChunkedArray) -> np.ndarray:
    """Which rows have a near copy on the other side, by their letters."""
    from toolkit.near.pairs import near_pairs_between

    found = np.zeros(len(texts), np.bool_)
    found[near_pairs_between(texts, known, threshold=NEAR).left] = True
    return found
