"""L03: items of a benchmark inside the rows, copied or reworded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from toolkit.core import secrets
from toolkit.core.errors import NotApplicable
from toolkit.core.judging import Judging
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.near.contain_rows import Match

FLOOR = 0.05
VERBATIM = 0.95
LONG = 8
SAME = 0.85
WORDS = {
    "verbatim": "holds an item of",
    "reworded": "rewords an item of",
    "number-variant": "is an item with other numbers of",
}


@dataclass(frozen=True, slots=True)
class Contamination:
    """A row that holds a test question makes the score on that test worthless, whatever stands around it.

    Every item of every reference (`--against FILE`: benchmarks, your own evaluation files) is looked for
    inside every row. An item is the prompt of a reference row, or all of it where many rows share the
    prompt. Windows that hold much of an item's rare words are candidates; of each the stretch most like
    the item is weighed: words and runs of four characters by rarity, numbers by value, the longest equal
    run, the cosine of the encoder. A reworded maths item keeps its numbers, another problem does not.

    The bar is not fixed: the items, compared with each other, show how alike different ones are here, and
    .5 of the score lies where few flags would be false. Kinds: `verbatim` (95 % in one run, eight words or
    more), `reworded`, and `number-variant` (the same words, other numbers: mostly another problem, not
    flagged). Evidence: item, place in the row, cosine, words and numbers in common, the longest equal run.

    Missed: translations; code rewritten with other names and no comment; a question told in other words
    without numbers, names or rare words in common; items under `least` words. Without the encoder more
    rewordings are missed. With `--judge MODEL` a model is asked about rewordings near the bar. After Yang
    et al. 2023 (rephrased samples, judged by a model), with a calibrated bar before the judge.
    """

    id: ClassVar[str] = "contamination"
    code: ClassVar[str] = "L03"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "references"
    embeds: ClassVar[bool] = True
    judging: ClassVar[Judging] = Judging(
        "B is an item of a test. Does A hold the same item, copied, reworded or translated, so that who has learned A "
        "has seen B's task with the same facts and numbers? Another task of the same kind is not the same.",
        ("reworded",),
        items=True,
    )
    reads: ClassVar[tuple[str, ...]] = ("body", "question", "ref")

    least: int = 4

    def run(self, view: View) -> Iterator[Result]:
        if not view.references:
            raise NotApplicable("no file to compare with; give one with --against")
        for reference in view.references:
            yield from self._against(view, reference)

    def _against(self, view: View, reference: View) -> Iterator[Result]:
        from toolkit.near.contain_rows import Search, items_in

        names, texts = items_in(reference)
        search = Search(texts, least=self.least, encode=view.encode)
        yield Fact("rows compared", float(view.n_rows), "rows", reference.name)
        yield Fact("items looked for", float(search.n_items), "items", reference.name)
        yield Fact("items too short", float(len(texts) - search.n_items), "items", reference.name)
        if not search.n_items:
            return
        found = search.rows(view)
        if found.bar.expected >= 0:  # too few items foretell nothing
            yield Fact("expected false flags", found.bar.expected, "rows", reference.name)
        for each in found.matches(FLOOR):
            kind = _kind(each)
            score = max(each.score, 0.99) if kind == "verbatim" else each.score
            shown: dict[str, JSON] = {
                "other": names[each.item],
                "reference": reference.name,
                "spans": [{"start": each.start, "end": each.stop, "type": "item"}],
                "words": round(each.words, 3),
                "characters": round(each.grams, 3),
                "longest_run": secrets.excerpt(each.run_text),
            }
            shown |= {} if each.cosine is None else {"cosine": round(each.cosine, 3)}
            shown |= {} if each.numbers is None else {"numbers": round(each.numbers, 3)}
            yield Finding(each.row, score, f"the row {WORDS[kind]} {reference.name}", kind=kind, evidence=shown)


def _kind(match: Match) -> str:
    if match.run >= VERBATIM and match.length >= LONG:
        return "verbatim"
    if match.changed and match.words >= SAME and match.back >= SAME:
        return "number-variant"
    return "reworded"
