"""D02: near duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.text import normal_text
from toolkit.core.types import Fact, Findings, Result
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.near.near_rows import NearRows
    from toolkit.near.preference import Preference

RECALL = 0.995
WORDS = {
    "exact": "the same text as another row",
    "near": "nearly the same text as another row",
    "number-variant": "the same words as another row with other numbers",
    "other-label": "nearly the same text as another row, with another label",
    "other-question": "a passage that another row has too, and another question",
    "other-words": "nearly the same letters as another row, and a word that says something else",
}


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Rows that differ in a typo, a word or punctuation count twice in training and leak across a split.

    Every pair is verified: its score is the exact Jaccard similarity of the two sets of shingles (5
    characters by default, or words: `shingle="w3"`) of the normalised text without system turns.
    Candidates come from min-hash bands, so a few pairs may be missed (recall .995 at the threshold);
    `exact=true` finds all. Of each cluster one row stays, and every row that leaves has a verified
    near-duplicate that stays: the `longest`, the `first`, the `last`, the one with the latest date
    (`keep=newest:created_at`) or the highest number (`keep=best:score`) in a column of its own; `verify
    --keep RULE` and `--exact` are short for these options. The message says why the other row is preferred.
    Evidence: what was compared (`value`, and `own` of this row), how many `rows` the cluster has, and
    which of them is `kept` for this one, unless another check sends it away.

    Letters that only look Latin (Cyrillic а within a word, full-width ａ) are compared as Latin ones: the
    score is the Jaccard of that text, `folded` in the evidence says so, and the pair is never `exact`.

    Among very many rows that all resemble each other not every pair is listed: each has its
    neighbours, and at most 16 pairs a row are reported in all. The fact `crowd` says where this began.

    Pairs that differ only in numbers (`number-variant`) are often different problems, and pairs with
    different labels (`other-label`) are a question of the label: both are reported and neither is
    removed by itself. So are rows that share whole sentences, of 100 characters and more, and ask
    something else beside them (`other-question`): one document under many questions, one answer to many; and
    rows in whose few letters a telling word differs, in the prompt or the answer (`other-words`): `add` and
    `multiply`, an opposite, another name. Words that few rows have tell; typing errors and fillers do not.

    Missed: paraphrases. Source: Broder 1997; Bayardo et al. 2007 for `exact`.
    """

    id: ClassVar[str] = "near-duplicate"
    code: ClassVar[str] = "D02"
    version: ClassVar[int] = 6
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("body", "question", "answer", "label", "raw", "ref")

    threshold: float = 0.7
    shingle: str = "c5"
    exact: bool = False
    keep: str = "longest"

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.near_rows import near_rows
        from toolkit.near.pairs import Pairs
        from toolkit.near.preference import parse_rule, preference
        from toolkit.near.variants import number_variants

        rule, column = parse_rule(self.keep)
        near = near_rows(view, self.threshold, self.shingle, self.exact)
        rows = np.union1d(near.pairs.left, near.pairs.right)
        own = list(_own(view, "raw", near.rows[rows])) if column else []
        prefer = preference(near.texts.take(pa.array(rows)), rule, column, own)
        ties = _ties(np.searchsorted(rows, near.pairs.left), np.searchsorted(rows, near.pairs.right), near, prefer)
        labels = view.table("label").column("label")
        variant = number_variants(near.texts, Pairs(rows[ties.leaves], rows[ties.stays], ties.jaccard))
        alike = near.disguised[rows[ties.leaves]] | near.disguised[rows[ties.stays]]
        equal = _equal(near.texts, rows, ties, alike)
        kinds = _kinds(equal, variant, _differ(labels, rows[ties.leaves], rows[ties.stays]))
        ordinals = near.rows[rows]
        kinds[_otherwise(view, ordinals, ties, np.isin(kinds, ("near", "number-variant")))] = "other-question"
        in_words = _in_other_words(view, ordinals, near.rows, ties, np.isin(kinds, ("near", "exact")))
        kinds[in_words] = "other-words"
        told = _evidence(ties, prefer, kinds, _own(view, "ref", ordinals), self.keep, alike)
        yield from _findings(ties, kinds, ordinals, _reasons(ties, prefer, rule, column), told)
        yield Fact("pairs", float(len(near.pairs.left)), "pairs")
        yield Fact("recall at the threshold", 1.0 if self.exact else RECALL)
        if near.crowd:
            yield Fact("crowd", float(near.crowd), "rows")


class _Ties(NamedTuple):
    """Pairs as places among the rows that have a pair, shape (n_pairs,): `stays` is the preferred one of two."""

    leaves: np.ndarray
    stays: np.ndarray
    jaccard: np.ndarray


def _ties(left: np.ndarray, right: np.ndarray, near: NearRows, prefer: Preference) -> _Ties:
    """Of many equal rows only the first has its pairs listed: the preferred one of them takes its place."""
    from toolkit.near.components import components

    n, rank = len(prefer.rank), prefer.rank
    same = near.pairs.jaccard >= 1.0
    first = components(n, left[same], right[same])
    best = np.full(n, n)
    np.minimum.at(best, first, rank)
    heads = np.flatnonzero(best < n)
    place, leader = np.arange(n), np.argsort(rank)[best[heads]]
    place[heads], place[leader] = leader, heads
    left, right = place[left], place[right]
    swap = rank[left] < rank[right]
    return _Ties(np.where(swap, right, left), np.where(swap, left, right), near.pairs.jaccard)


def _findings(
    ties: _Ties, kinds: np.ndarray, ordinals: np.ndarray, reasons: np.ndarray, told: pa.Array
) -> Iterator[Findings]:
    """A batch for every kind and reason."""
    for kind, words in WORDS.items():
        is_kind = kinds == kind
        for reason in sorted(set(reasons[is_kind].tolist())):
            at = np.flatnonzero(is_kind & (reasons == reason))
            message = words if kind.startswith("other-") else f"{words}, which is preferred: {reason}"
            rows, others = ordinals[ties.leaves[at]], ordinals[ties.stays[at]]
            yield Findings(rows, ties.jaccard[at], message, kind, others, None, told.take(pa.array(at)))


def _reasons(ties: _Ties, prefer: Preference, rule: str, column: str) -> np.ndarray:
    """Why the other row of each pair is preferred, in words, shape (n_pairs,)."""
    better = {
        "longest": "it is longer",
        "first": "it comes first",
        "last": "it comes last",
        "newest": f"its '{column}' is later",
        "best": f"its '{column}' is higher",
    }[rule]
    tie = "it is as long, and before in the alphabet" if rule == "longest" else f"its '{column}' is the same"
    return np.where(prefer.value[ties.stays] > prefer.value[ties.leaves], better, tie)


def _evidence(
    ties: _Ties, prefer: Preference, kinds: np.ndarray, refs: Iterable[str], keep: str, alike: np.ndarray
) -> pa.Array:
    """JSON texts, shape (n_pairs,). Of a number variant or another label both rows may stay: none is `kept` there."""
    from toolkit.near.components import components, greedy_keep

    n, goes = len(prefer.rank), np.isin(kinds, ("exact", "near"))
    leaves, stays = ties.leaves[goes], ties.stays[goes]
    keep_row = greedy_keep(n, leaves, stays, prefer.rank)
    kept = np.where(keep_row, prefer.rank, n)
    np.minimum.at(kept, leaves, np.where(keep_row[stays], prefer.rank[stays], n))
    of = components(n, leaves, stays)
    size = pa.array(np.bincount(of, minlength=n)[of][ties.leaves]).cast(pa.string())
    names = pa.array([json.dumps(ref) for ref in refs], pa.string())
    name = names.take(pa.array(np.argsort(prefer.rank)[np.minimum(kept, n - 1)][ties.leaves]))
    values = [prefer.shown.take(pa.array(side)) for side in (ties.stays, ties.leaves)]
    told = [
        pa.repeat(f'{{"by": {json.dumps(keep)}', len(kinds)),
        pc.if_else(pa.array(goes), pc.binary_join_element_wise(', "rows": ', size, ', "kept": ', name, ""), ""),
        *(
            pc.binary_join_element_wise(f', "{key}": ', shown, "")
            for key, shown in zip(("value", "own"), values, strict=True)
        ),
        pc.if_else(pa.array(alike), ', "folded": true}', "}"),
    ]
    return pc.binary_join_element_wise(*told, "", null_handling="replace", null_replacement="")


def _own(view: View, column: str, ordinals: np.ndarray) -> Iterator[str]:
    """A column of these rows, in the order of their ordinals, which are sorted."""
    for batch in replace(view, keep=ordinals).batches(column):
        yield from batch.column(column).to_pylist()


def _asked(view: View, ordinals: np.ndarray) -> Iterator[tuple[str | None, str | None]]:
    """What these rows ask and answer; all of a row that has no answer, or whose answer is its label, is asked."""
    for batch in replace(view, keep=ordinals).batches("question", "answer"):
        yield from zip(batch.column("question").to_pylist(), batch.column("answer").to_pylist(), strict=True)


def _equal(texts: pa.ChunkedArray, rows: np.ndarray, ties: _Ties, alike: np.ndarray) -> np.ndarray:
    """Which pairs are the same text; of look-alike letters, only where they are the same letters."""
    equal = np.asarray(ties.jaccard >= 1.0)
    for at in np.flatnonzero(equal & alike).tolist():
        one, other = (normal_text(texts[int(rows[side[at]])].as_py()) for side in (ties.leaves, ties.stays))
        equal[at] = one == other
    return equal


def _kinds(equal: np.ndarray, variant: np.ndarray, differ: np.ndarray) -> np.ndarray:
    kinds = np.where(equal, "exact", "near").astype(object)
    kinds[variant & ~equal] = "number-variant"
    kinds[differ] = "other-label"
    return kinds


def _otherwise(view: View, ordinals: np.ndarray, ties: _Ties, pairs: np.ndarray) -> np.ndarray:
    """Which of these pairs share a passage and ask something else, shape (n_pairs,)."""
    from toolkit.near.passages import asked, asking_otherwise

    left, right = ties.leaves[pairs], ties.stays[pairs]
    places = np.union1d(left, right)
    rows = [asked(prompt or "", answer) for prompt, answer in _asked(view, ordinals[places])]
    found = pairs.copy()
    found[pairs] = asking_otherwise(rows, np.searchsorted(places, left), np.searchsorted(places, right))
    return found


def _in_other_words(view: View, ordinals: np.ndarray, every: np.ndarray, ties: _Ties, pairs: np.ndarray) -> np.ndarray:
    """In which of these pairs a word differs that says something else, shape (n_pairs,)."""
    from toolkit.near.wording import SAMPLE, Weights, saying_otherwise, words

    found = pairs.copy()
    places = np.union1d(ties.leaves[pairs], ties.stays[pairs])
    if not len(places):
        return found
    some = every[np.unique(np.linspace(0, len(every) - 1, min(len(every), SAMPLE)).astype(np.int64))]
    weights = Weights.of(words(f"{prompt or ''} {answer or ''}") for prompt, answer in _asked(view, some))
    left, right = (np.searchsorted(places, side[pairs]).tolist() for side in (ties.leaves, ties.stays))
    found[pairs] = saying_otherwise(list(_asked(view, ordinals[places])), left, right, weights)
    return found


def _differ(labels: pa.ChunkedArray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    codes = pc.fill_null(labels, "").combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    indices = codes.indices.to_numpy()
    return np.asarray(indices[one] != indices[other])
