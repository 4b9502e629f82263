"""N01: labels that are probably wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

FEWEST = 50
MOST_CLASSES = 1_000
FLOOR = 0.01
WORD_WEIGHT = 0.35
NEAR = 0.7
CHEAP = 500_000
SHOWN = 20


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """A wrong label teaches the wrong thing, and in a held-out set it hides what the model can do.

    Texts become vectors (a sentence encoder, and with less weight the words themselves). A logistic
    regression that has not seen a row, nor a near-duplicate of it, says how probable each label is; it
    is trained twice, the second time without the rows whose label it doubted most. Rows are ranked by
    the probability of their own label, and as many are flagged as cleanlab (confident learning,
    Northcutt et al. 2021) counts wrong labels: .5 of the score. Each finding names the given and the
    suggested label. Read them from the top; never relabel by rule: people reject the suggestion often.

    Skipped where the probe is too weak to judge (not clearly better than the largest class, or worse
    than the vote of the nearest rows). Classes with fewer than 5 distinct rows are not judged. The
    estimated rate counts the probe's own errors too; only an audit of a sample gives one to rely on.

    Of more than 20,000 rows each fit learns from 20,000, drawn from every class by its size (10 at least),
    and judges the others in blocks. What that costs, by lowering the bound on sets of 9,000 and 15,000 rows
    in 64 and 150 classes: average precision fell by .004 and .003 with 6,000 and 8,000 rows, and by .017 and
    .005 with 3,000 and 4,000. The probe holds 1 KiB a row, and 4 bytes a row and class, beside the vectors; a
    million rows in 150 classes took 120 s of CPU, and the whole run 7.2 GB at its peak.

    folds, seed: how rows are dealt out. draws: how often, 0 for three times where that is cheap. Missed:
    labels that are wrong for a whole class; rows of texts that the encoder cannot tell apart. Found, for
    example: `what is my balance` as `transfer` among hundreds of rows like it as `balance`.
    """

    id: ClassVar[str] = "label-noise"
    code: ClassVar[str] = "N01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    embeds: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("body", "question", "label")

    folds: int = 5
    draws: int = 0
    seed: int = 0

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.label_noise import label_noise, noise_rate
        from toolkit.near.probe import probe

        rows, texts, labels, groups = _labelled(view)
        classes = len(set(labels))
        draws = self.draws or (3 if len(rows) * classes <= CHEAP else 1)
        features = _features(view, texts, self.seed)
        found = probe(features, labels, groups, folds=self.folds, draws=draws, seed=self.seed)
        if weakness := found.weakness():
            raise Skip(f"labels cannot be judged: {weakness}")
        noise = label_noise(found)
        at = np.flatnonzero(noise.score >= FLOOR)
        for each in at[np.argsort(rows[found.rows[at]], kind="stable")].tolist():
            given, suggested = found.classes[found.label[each]], found.classes[noise.suggested[each]]
            yield Finding(
                int(rows[found.rows[each]]),
                float(noise.score[each]),
                _words(given, suggested),
                kind="label-noise",
                column="label",
                evidence={
                    "given": given,
                    "suggested": suggested,
                    "p_given": round(float(noise.p_given[each]), 4),
                    "p_suggested": round(float(noise.p_suggested[each]), 4),
                },
            )
        rate = noise_rate(found, groups[found.rows], seed=self.seed)
        yield Fact("estimated noise rate", rate.value, "share", low=rate.low, high=rate.high)
        yield Fact("probe accuracy", found.accuracy, "share")
        yield Fact("largest class", found.majority, "share")
        yield Fact("neighbour accuracy", found.neighbours, "share")
        yield Fact("rows judged", float(len(found.rows)), "rows")
        yield Fact("rows trained on", float(found.trained), "rows")
        for name, count in sorted(found.too_small.items()):
            yield Fact("rows not judged", float(count), "rows", name)
        for pair in noise.confused[:SHOWN]:
            yield Fact("flagged pairs", float(pair.rows), "rows", f"{pair.given} -> {pair.suggested}")


def _labelled(view: View) -> tuple[np.ndarray, list[str], list[str], np.ndarray]:
    """Ordinals, texts, labels and near-duplicate components of the labelled rows, sorted by content.

    The order of the file must not decide which rows are trained on together.
    """
    from toolkit.near.components import renumbered
    from toolkit.near.near_rows import near_rows

    table = view.table("question", "label")
    has = pc.and_(pc.is_valid(table.column("label")), pc.not_equal(pc.fill_null(table.column("label"), ""), ""))
    places = np.flatnonzero(has.to_numpy(zero_copy_only=False) if isinstance(has, pa.Array) else has.to_numpy())
    if len(places) == 0:
        raise NotApplicable("no row has a label")
    chosen = table.take(places)
    texts, labels = chosen.column("question").to_pylist(), chosen.column("label").to_pylist()
    classes = len(set(labels))
    if classes == 1:
        raise NotApplicable("every labelled row has the same label")
    if len(places) < FEWEST:
        raise Skip(f"only {len(places)} rows have a label; the probe needs at least {FEWEST}")
    if classes > MOST_CLASSES and classes * 2 > len(places):
        raise NotApplicable(f"{classes:,} different labels in {len(places):,} rows: they are texts, not classes")
    if classes > MOST_CLASSES:
        raise Skip(f"{classes:,} classes; the probe takes at most {MOST_CLASSES:,}")
    order = np.array(sorted(range(len(places)), key=lambda at: (texts[at] or "", labels[at])), np.int64)
    groups = near_rows(view, NEAR).groups()[places[order]]
    texts, labels = [texts[at] or "" for at in order], [labels[at] for at in order]
    return chosen.column("row").to_numpy()[order], texts, labels, renumbered(groups)


def _features(view: View, texts: list[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of meaning, and vectors of words to stand beside them, shapes (n, dim)."""
    from toolkit.near.words import word_view

    if view.encode is None:
        raise Skip("it needs text embeddings, which are switched off")
    words = word_view(texts, seed=seed)
    words *= WORD_WEIGHT
    return view.encode(texts), words


def _words(given: str, suggested: str) -> str:
    if given == suggested:
        return f"the label '{_short(given)}' is doubtful, and no other is likelier"
    return f"labelled '{_short(given)}', where rows like it are '{_short(suggested)}'"


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:59] + "…"
