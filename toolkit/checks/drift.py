"""C03: whether train, held-out and real use are alike in length, turns, tools, labels and language."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import languages
from toolkit.core.errors import NotApplicable
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

LEAST = 30
MANY = 1000
LANGUAGE_ROWS = 1000
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_SHARES = 20


@dataclass
class Side:
    """What is compared of one set of rows. numbers: by measure, shape (n,). counts: rows by class, by measure."""

    name: str
    numbers: dict[str, list[np.ndarray]] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, measure: str, values: pa.Array) -> None:
        found = values.drop_null().to_numpy(zero_copy_only=False)
        self.numbers.setdefault(measure, []).append(found.astype(np.float64))

    def count(self, measure: str, values: Counter[str]) -> None:
        self.counts.setdefault(measure, Counter()).update(values)

    def of(self, measure: str) -> np.ndarray:
        return np.concatenate([np.empty(0), *self.numbers.get(measure, [])])


@dataclass(frozen=True, slots=True)
class Drift:
    """A model trained on one kind of rows and measured or used on another does not do what its score says.

    Train, held-out rows and, where a sample of it was given (`--usage`), real use are compared two by
    two: characters of prompts and of answers and the number of user turns by the Kolmogorov-Smirnov
    distance; labels, languages and whether tools are called by the Jensen-Shannon distance. Both run from
    0 to 1, both with a 95 % interval. The score is its lower end: how far apart they are at least. So with
    many rows a small difference stays small, and with few rows chance is no finding.

    The evidence of a finding holds the shares of both sides by label, language or range of lengths, those that
    the first lacks most first. What a side does not have (answers, labels) is not compared; nor are fewer
    than 30 rows, or labels that nearly every row has for itself. Missed: rows that differ in meaning alone
    (`coverage`).
    """

    id: ClassVar[str] = "drift"
    code: ClassVar[str] = "C03"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "kept"
    compares_usage: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("prompt", "answer", "turns", "label")

    def run(self, view: View) -> Iterator[Result]:
        train = next((each for each in view.references if each.name == "train"), None)
        views = {"train": train, "heldout": view, "usage": view.usage} if train else {"data": view, "usage": view.usage}
        sides = [_side(name, each) for name, each in views.items() if each is not None]
        if len(sides) < 2:
            raise NotApplicable("nothing to compare the rows with before they are split; give --usage")
        for at, one in enumerate(sides):
            for other in sides[at + 1 :]:
                yield from _numbers(one, other)
                yield from _counts(one, other)


def _side(name: str, view: View) -> Side:
    side = Side(name)
    told = 0
    for batch in view.batches("prompt", "answer", "turns", "label"):
        prompt, answer = batch.column("prompt"), batch.column("answer")
        side.add("prompt characters", pc.utf8_length(prompt.filter(pc.not_equal(prompt, ""))))
        side.add("answer characters", pc.utf8_length(answer))
        owners = cols.turn_rows(batch)
        users = cols.mask(pc.is_in(cols.turn_field(batch, "role"), value_set=pa.array(["user"])))
        rows = batch.column("row").to_numpy()
        asked = np.bincount(np.searchsorted(rows, owners[users]), minlength=len(rows))
        side.add("user turns", pa.array(asked[asked > 0]))
        calls = np.isin(rows, owners[cols.mask(cols.turn_field(batch, "calls").is_valid())])
        some = calls | cols.mask(answer.is_valid())
        side.count("tools", Counter({"calls": int(calls.sum()), "none": int((some & ~calls).sum())}))
        for each in pc.value_counts(batch.column("label").drop_null()).to_pylist():
            side.count("labels", Counter({each["values"]: each["counts"]}))
        if told < LANGUAGE_ROWS:
            texts = prompt[: LANGUAGE_ROWS - told].to_pylist()
            told += len(texts)
            side.count("languages", Counter(found for found in map(languages.detect, texts) if found))
    return side


def _numbers(one: Side, other: Side) -> Iterator[Result]:
    from toolkit.stats.drift import ks_distance

    for measure in one.numbers:
        first, second = one.of(measure), other.of(measure)
        if min(len(first), len(second)) < LEAST:
            continue
        found = ks_distance(first, second)
        yield Fact(f"{measure}: KS distance", found.value, "share", _pair(one, other), found.low, found.high)
        told = f"median {np.median(first):,.0f} in {one.name}, {np.median(second):,.0f} in {other.name}"
        yield _finding(measure, (one, other), found, told, _bands(first, second))


def _bands(first: np.ndarray, second: np.ndarray) -> list[tuple[str, float, float]]:
    """Ranges of the second side's values, and the share of each side that lies in them; the tails are left out."""
    edges = np.unique(np.floor(np.quantile(second, BANDS)))
    shares = []
    for low, high in itertools.pairwise(edges):
        inside = [float(((side > low) & (side <= high)).mean()) for side in (first, second)]
        shares.append((f"{low + 1:.0f} to {high:.0f}", inside[0], inside[1]))
    return shares


def _counts(one: Side, other: Side) -> Iterator[Result]:
    from toolkit.stats.drift import histogram_distance

    for measure in one.counts:
        first, second = one.counts[measure], other.counts.get(measure, Counter())
        names = sorted(first.keys() | second.keys())
        rows = min(first.total(), second.total())
        if rows < LEAST or len(names) < 2 or (len(names) > MANY and len(names) > 0.5 * rows):
            continue
        found = histogram_distance([first[name] for name in names], [second[name] for name in names])
        yield Fact(f"{measure}: JS distance", found.value, "share", _pair(one, other), found.low, found.high)
        shares = [_shares(side.counts[measure], names) for side in (one, other)]
        told = sorted(((name, shares[0][name], shares[1][name]) for name in names), key=lambda each: each[1] - each[2])
        yield _finding(measure, (one, other), found, _widest(one, other, measure, names), told[:MOST_SHARES])


def _widest(one: Side, other: Side, measure: str, names: list[str]) -> str:
    """The class whose share differs most."""
    shares = [_shares(side.counts[measure], names) for side in (one, other)]
    name = max(names, key=lambda each: (abs(shares[0][each] - shares[1][each]), each))
    first, second = (
        f"{100 * share[name]:.0f} % of {side.name}" for share, side in zip(shares, (one, other), strict=True)
    )
    return f"'{name[:60]}' is {first}, {second}"


def _shares(counts: Counter[str], names: list[str]) -> Mapping[str, float]:
    return {name: counts[name] / max(counts.total(), 1) for name in names}


def _finding(
    measure: str,
    pair: tuple[Side, Side],
    found: tuple[float, float, float],
    told: str,
    shares: Sequence[tuple[str, float, float]],
) -> Finding:
    value, low, high = found
    distance = f"distance {value:.2f}, 95 %: {low:.2f} to {high:.2f}"
    message = f"{measure} of {pair[0].name} and {pair[1].name} differ: {told} ({distance})"
    evidence: dict[str, JSON] = {
        "sides": [side.name for side in pair],
        "shares": [[name, round(first, 4), round(second, 4)] for name, first, second in shares],
    }
    return Finding(None, float(np.clip(low, 0, 1)), message, kind=measure.replace(" ", "-"), evidence=evidence)


def _pair(one: Side, other: Side) -> str:
    return f"{one.name} - {other.name}"
