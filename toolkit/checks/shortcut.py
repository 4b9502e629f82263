"""N03: labels that a surface of the row gives away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

Ints = npt.NDArray[np.int64]
FEWEST = 60
SAMPLE = 20_000
MOST_CLASSES = 200
LEAST_ROWS = 5
# Words and lengths of a class differ by what it is about: a surface counts where it does most of the task.
HALF = 0.5
CLEAR = 0.25
NEAR = 0.7
SCALE = 40
HEADER = re.compile(r"\A(?:[A-Z][\w-]{0,30}:[^\n]*\n){2,}")
WORD = re.compile(r"\w+|[^\w\s]")


class Rows(NamedTuple):
    """Labelled rows: texts, label codes, groups that stay together, and what stands beside the text."""

    ordinal: Ints
    texts: Sequence[str]
    label: Ints
    classes: Sequence[str]
    groups: Ints
    source: Sequence[str]
    position: Ints
    own_id: Sequence[str]


class Told(NamedTuple):
    """How well a surface tells labels: share right beside the largest class, and the gain with its 95 % interval.

    lift: share of the gap between the largest class and 1 that the surface closes.
    """

    accuracy: float
    majority: float
    gain: float
    low: float
    lift: float


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A model learns the length, the source or the id of a row instead of its sense, if they give the label away.

    For each surface alone (`length`, `source`, `id-pattern`, `order` in the file, `opening` words,
    `ending`, `punctuation` and case, `language`, mail-like `header`) the label is predicted out of
    sample: the most frequent label of the rows with the same value, five folds, near-duplicates and
    groups kept together. Found where the surface beats the largest class by an interval that lies over
    a tenth of the gap, and closes a quarter of the gap to 1 (`order`, `source`, `id-pattern`) or half of
    it (surfaces of the text, which differ between classes by what they are about). The score is twice
    the share of the gap closed, at most 1, halved for text surfaces.

    A file sorted by label is found as `order` with a low score: it is no fault of the rows. Missed: two
    surfaces together; what an instruction names (Geirhos et al. 2020 describe the harm). Example: every
    `complaint` comes from `mail.csv`, every `praise` from `chat.csv`.
    """

    id: ClassVar[str] = "shortcut"
    code: ClassVar[str] = "N03"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("body", "question", "label", "source", "own_id", "position", "group")

    folds: int = 5
    seed: int = 0

    def run(self, view: View) -> Iterator[Result]:
        rows = _labelled(view, self.seed)
        for name, (values, weight) in _surfaces(rows).items():
            if len(set(values)) < 2:
                continue
            told = _told(values, rows, folds=self.folds, seed=self.seed)
            yield Fact("label told by", told.accuracy, "share", name)
            yield Fact("lift over the largest class", told.lift, "share", name)
            if told.lift >= CLEAR and told.low > 0.1 * (1 - told.majority):
                score = min(1.0, told.lift / CLEAR * 0.5 if weight == 1.0 else told.lift / HALF * 0.5)
                score = 0.3 if name == "order" else score
                yield Finding(None, score, _words(name, told), kind=name, evidence=_shown(values, rows))
        yield Fact("rows judged", float(len(rows.label)), "rows")


def _words(name: str, told: Told) -> str:
    return (
        f"the {name} of a row alone names its label in {told.accuracy:.1%} of rows, "
        f"the largest class in {told.majority:.1%}"
    )


def _shown(values: Sequence[str], rows: Rows) -> dict[str, Any]:
    """The values that give most away, with the label of most of their rows."""
    count = Counter(zip(values, rows.label.tolist(), strict=True))
    top = sorted(count.items(), key=lambda each: (-each[1], str(each[0])))[:5]
    return {"values": [f"{value[:40]} -> {rows.classes[label][:40]} ({n} rows)" for (value, label), n in top]}


def _labelled(view: View, seed: int) -> Rows:
    """The labelled rows, at most 20,000, in an order that depends on their content."""
    from toolkit.near.components import renumbered

    table = view.table("question", "label", "source", "own_id", "position", "group")
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    every = [at for at, label in enumerate(columns["label"]) if label]
    if not every:
        raise NotApplicable("no row has a label")
    classes = sorted({columns["label"][at] for at in every})
    if len(classes) < 2:
        raise NotApplicable("every labelled row has the same label")
    if len(every) < FEWEST:
        raise Skip(f"only {len(every)} rows have a label; {FEWEST} at least are needed")
    if len(classes) > MOST_CLASSES or len(classes) * 3 > len(every):
        raise NotApplicable(f"{len(classes):,} different labels in {len(every):,} rows")
    every.sort(key=lambda at: (columns["question"][at] or "", columns["label"][at], columns["own_id"][at] or ""))
    if len(every) > SAMPLE:
        every = [every[at] for at in np.sort(np.random.default_rng(seed).permutation(len(every))[:SAMPLE]).tolist()]
    code = {name: at for at, name in enumerate(classes)}
    return Rows(
        ordinal=np.array([columns["row"][at] for at in every], np.int64),
        texts=[columns["question"][at] or "" for at in every],
        label=np.array([code[columns["label"][at]] for at in every], np.int64),
        classes=classes,
        groups=renumbered(_groups(view, columns["group"])[every]),
        source=[str(columns["source"][at] or "") for at in every],
        position=np.array([columns["position"][at] for at in every], np.int64),
        own_id=[columns["own_id"][at] or "" for at in every],
    )


def _groups(view: View, named: Sequence[str | None]) -> Ints:
    """Near-duplicates and rows of one declared group are one group, shape (n,)."""
    from toolkit.near.components import components
    from toolkit.near.near_rows import near_rows

    near = near_rows(view, NEAR)
    first: dict[str, int] = {}
    pairs = [(at, first.setdefault(name, at)) for at, name in enumerate(named) if name]
    left = np.concatenate([near.pairs.left, np.array([one for one, _ in pairs], np.int64)])
    right = np.concatenate([near.pairs.right, np.array([two for _, two in pairs], np.int64)])
    return np.asarray(components(len(near.rows), left, right), np.int64)


def _surfaces(rows: Rows) -> dict[str, tuple[list[str], float]]:
    """The value of every surface for every row. Weight 1: it stands beside the text, .5: it is part of it."""
    beside: dict[str, list[str]] = {
        "source": list(rows.source),
        "id-pattern": [_id_pattern(name) for name in rows.own_id],
        "order": _binned(rows.position),
    }
    if max(map(len, rows.source), default=0) and len(set(rows.source)) > 1:
        del beside["order"]  # positions count within a source
    of_text: dict[str, Callable[[str], str]] = {
        "opening": lambda text: " ".join(WORD.findall(text[:200].lower())[:3]),
        "ending": lambda text: " ".join(WORD.findall(text[-100:].lower())[-2:]),
        "punctuation": _punctuation,
        "language": _language,
        "header": lambda text: (HEADER.match(text) or [""])[0].split("\n")[0][:60],
    }
    found = {name: (values, 1.0) for name, values in beside.items()}
    found["length"] = (_binned(np.array([len(text) for text in rows.texts], np.int64)), 0.5)
    return found | {name: ([make(text) for text in rows.texts], 0.5) for name, make in of_text.items()}


def _id_pattern(name: str) -> str:
    """An id with its digits gone: `train-0012` and `train-7` are alike."""
    return re.sub(r"[0-9a-f]{8,}|\d+", "0", name.lower())[:60]


def _punctuation(text: str) -> str:
    """First letter's case, capitals throughout, the last sign, and which signs there are."""
    head, tail = text.lstrip()[:1], text.rstrip()[-1:]
    case = "upper" if head.isupper() else "lower" if head.islower() else "other"
    shout = "all" if text.isupper() else ""
    signs = "".join(sign for sign in "?!,:;\"'()\n" if sign in text)
    return f"{case} {shout} {tail if tail and not tail.isalnum() else 'word'} {signs}"


def _language(text: str) -> str:
    from toolkit.core.languages import detect

    return detect(text) or "unknown"


def _binned(values: Ints) -> list[str]:
    """Forty bins of equal rows, fewer where rows or values are few."""
    bins = max(2, min(SCALE, len(values) // (4 * LEAST_ROWS)))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))
    return [str(at) for at in np.searchsorted(edges, values).tolist()]


def _told(values: Sequence[str], rows: Rows, *, folds: int, seed: int) -> Told:
    """Each row's label guessed by the rows of other folds that share its value, else by the largest class."""
    from toolkit.near.probe import group_folds
    from toolkit.stats.intervals import cluster_interval

    _, code = np.unique(np.asarray(values, str), return_inverse=True)
    fold = group_folds(rows.label, rows.groups, folds, seed=seed)
    right, base = np.zeros(len(code), bool), np.zeros(len(code), bool)
    for at in range(folds):
        asked, known = fold == at, fold != at
        largest = int(np.bincount(rows.label[known]).argmax())
        right[asked] = _guess(code, rows.label, known, largest)[code[asked]] == rows.label[asked]
        base[asked] = rows.label[asked] == largest
    majority = float(base.mean())
    found = cluster_interval(right.astype(float), rows.groups)
    gain = found.rate - majority
    return Told(found.rate, majority, gain, found.low - majority, gain / max(1 - majority, 1e-9))


def _guess(code: Ints, label: Ints, known: npt.NDArray[np.bool_], largest: int) -> Ints:
    """The most frequent label by value, shape (n_values,); a value of under five known rows is not trusted."""
    order = np.lexsort((label[known], code[known]))
    value, target = code[known][order], label[known][order]
    pairs, counts = np.unique(np.stack([value, target]), axis=1, return_counts=True)
    found = np.full(int(code.max()) + 1, largest, np.int64)
    best = np.lexsort((-pairs[1], counts))
    found[pairs[0, best]] = pairs[1, best]
    total = np.bincount(value, minlength=len(found))
    return np.where(total >= LEAST_ROWS, found, largest)
