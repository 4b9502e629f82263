"""D05: texts that are poured from few moulds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.near.semantic_diversity import Diversity

TEMPLATES = ((0.5, "templates-over-50"), (0.2, "templates-over-20"))
REPETITIVE = 5.0
STRUCTURED = r"^\s*[\[{<]"


@dataclass(frozen=True, slots=True)
class TemplateCollapse:
    """A generator that falls back on a few templates makes many rows and little to learn from.

    Measured on the texts that are trained on: the answers, or the text of labelled and plain rows. A
    template is what stays of a text when its numbers and rare words (in fewer than one text in a
    hundred) become gaps. A finding says that the ten most frequent templates hold over a fifth, or
    half, of the different texts (`templates-over-20`, `-50`), or that the texts compress over five
    times (`repetitive`; of ten public sets real ones lay at 2.5 to 3.2, two generated ones at 4.2 and
    6.8). Facts, for prompts too: distinct-1 to -3 (Li et al. 2016), the most frequent opening of three
    words, the share of the largest templates, compression. A shared instruction is no fault of a prompt.

    Fewer than 200 different texts say nothing, and answers that are JSON or markup are left out: they
    have a form to follow. Missed: one idea told in ever other words (see `semantic-duplicate`).
    """

    id: ClassVar[str] = "template-collapse"
    code: ClassVar[str] = "D05"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("answer", "prompt")

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.semantic_diversity import FEWEST, diversity

        table = view.table("answer", "prompt")
        answers, prompts = _different(table.column("answer")), _different(table.column("prompt"))
        trained = "answer" if table.column("answer").null_count < len(table) else "text"
        for name, texts in (("answer", answers), ("prompt" if trained == "answer" else "text", prompts)):
            if len(texts) < FEWEST:
                continue
            found = diversity(texts)
            yield from _facts(found, name)
            if name == trained:
                yield from _judged(found, name)


def _different(texts: pa.ChunkedArray) -> list[str]:
    """Different texts that are no structure, in the order of a hash, as many as are measured."""
    from toolkit.near.groups import groups_of
    from toolkit.near.normal import normalise
    from toolkit.near.semantic_diversity import SAMPLE

    plain = texts.filter(pc.invert(pc.match_substring_regex(pc.fill_null(texts, ""), STRUCTURED)))
    rows = normalise(plain)
    first, hashes = groups_of(rows)
    own = np.flatnonzero((first == np.arange(len(hashes))) & (rows.stop > rows.start))
    chosen = own[np.argsort(hashes[own], kind="stable")][:SAMPLE]
    return [str(text) for text in plain.take(pa.array(chosen)).to_pylist()]


def _facts(found: Diversity, name: str) -> Iterator[Fact]:
    for size, share in enumerate(found.distinct, 1):
        yield Fact(f"distinct-{size}", share, "share", name)
    yield Fact("compression", found.compression, "times", name)
    yield Fact("largest opening", found.opening[1], "share", f"{name}: {found.opening[0]}"[:80])
    yield Fact("ten largest templates", found.templated, "share", name)
    for template, share in found.templates[:3]:
        yield Fact("template", share, "share", f"{name}: {template}"[:120])


def _judged(found: Diversity, name: str) -> Iterator[Finding]:
    kind = next((kind for over, kind in TEMPLATES if found.templated >= over), "")
    if kind:
        top = f"'{found.templates[0][0][:60]}'"
        message = f"ten templates hold {found.templated:.0%} of the different {name}s, {top} the most"
        yield Finding(None, 1.0, message, kind=kind, column=name)
    if found.compression >= REPETITIVE:
        message = f"the {name}s compress {found.compression:.1f} times, where real ones do about three times"
        yield Finding(None, 1.0, message, kind="repetitive", column=name)
