"""How hard each row is: from labelled rows, from what the model said, and from what users did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import InputError
from toolkit.core.jsontext import Malformed, parse
from toolkit.near.logistic import fit, probabilities
from toolkit.near.pool import margin
from toolkit.sample.signals import told
from toolkit.store.dataset import Dataset

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Encode = Any

MOST = 20_000
BLOCK = 8_192
BOOST = 0.5


class Head(NamedTuple):
    """A cheap classifier on embeddings. classes: sorted names; weights: (d + 1, k)."""

    classes: tuple[str, ...]
    weights: Floats

    def shares(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Class probabilities, shape (n, k)."""
        some = np.asarray(vectors, np.float64)
        return probabilities(np.hstack([some, np.ones((len(some), 1))]), self.weights)


class Judged(NamedTuple):
    """What a head says of many rows: its class (n,) and 1 minus the margin of the first two (n,)."""

    label: Ints
    hardness: Floats


def head(vectors: npt.NDArray[np.floating], labels: Sequence[str], *, seed: int = 0) -> Head | None:
    """Logistic regression on labelled vectors, at most 20,000 of them; None where there are fewer than two classes."""
    names, code = np.unique(np.asarray(labels, str), return_inverse=True)
    if len(names) < 2:
        return None
    some = np.sort(np.random.default_rng(seed).permutation(len(code))[:MOST])
    features = np.hstack([np.asarray(vectors[some], np.float64), np.ones((len(some), 1))])
    fitted = fit(features, code[some], len(names), c=10.0, tolerance=1e-3)
    return Head(tuple(names.tolist()), fitted.weights)


def judged(of: Head, vectors: npt.NDArray[np.floating]) -> Judged:
    """The head's word on every row, in blocks: probabilities of a million rows are not held."""
    label, hard = np.empty(len(vectors), np.int64), np.empty(len(vectors))
    weights = of.weights.astype(np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = slice(start, start + BLOCK)
        scores = vectors[block].astype(np.float32) @ weights[:-1] + weights[-1]
        np.exp(scores - scores.max(axis=1, keepdims=True), out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        label[block], hard[block] = scores.argmax(axis=1), margin(scores)
    return Judged(label, hard)


@dataclass(frozen=True, slots=True)
class Said:
    """The signals of the pool rows as columns, shape (n,), NaN for what a row does not say; requests: count of each."""

    margin: Floats
    doubt: Floats
    logprob: Floats
    dispersion: Floats
    teacher: Floats
    disagreement: Floats
    bad: npt.NDArray[np.bool_]
    requests: Floats

    def present(self) -> dict[str, Floats]:
        """The signals that any row has, larger for harder, by the name that a person is told."""
        found = {
            "class probabilities": self.margin,
            "confidence": self.doubt,
            "log-probability": -self.logprob,
            "samples that differ": self.dispersion,
            "distance to the teacher": self.teacher,
            "disagreement of two models": self.disagreement,
        }
        return {name: values for name, values in found.items() if np.isfinite(values).any()}


def said(data: Dataset, encode: Encode) -> Said:
    """Read the signals of every pool row. Raises InputError for a number that cannot be what its column says."""
    n = data.n_rows
    nan = [np.full(n, np.nan) for _ in range(4)]
    bad, requests, lengths = np.zeros(n, np.bool_), np.ones(n), set[int]()
    drawn: dict[int, tuple[str, ...]] = {}
    taught: dict[int, tuple[str, ...]] = {}
    for at, (row, where) in enumerate(records(data)):
        each = told(row, where)
        bad[at], requests[at] = each.bad, each.requests
        if each.probabilities is not None:
            nan[0][at] = margin(np.array([each.probabilities]))[0]
            lengths.add(len(each.probabilities))
        if each.confidence is not None:
            nan[1][at] = 1 - each.confidence
        if each.logprob is not None:
            nan[2][at] = each.logprob
        if each.disagreement is not None:
            nan[3][at] = each.disagreement
        if len(each.samples) > 1:
            drawn[at] = each.samples
        own = each.prediction or each.answer
        if each.teacher is not None and own is not None and each.disagreement is None:
            taught[at] = (each.teacher, own)
    if len(lengths) > 1:
        what = f"class probabilities of {min(lengths)} classes in some rows, of {max(lengths)} in others"
        raise InputError(what, "every row has the probabilities of the same classes")
    apart = (_spread(drawn, n, encode), _spread(taught, n, encode))
    return Said(nan[0], nan[1], nan[2], *apart, nan[3], bad, requests)


def records(data: Dataset) -> Iterator[tuple[dict[str, Any], str]]:
    """Every row's record as it was read, with words for where it stands."""
    for batch in data.batches(("raw", "ref")):
        for raw, ref in zip(batch.column("raw").to_pylist(), batch.column("ref").to_pylist(), strict=True):
            value = parse(raw.encode())
            yield (value.value if not isinstance(value, Malformed) and isinstance(value.value, dict) else {}), ref


def _spread(texts: dict[int, tuple[str, ...]], n: int, encode: Encode) -> Floats:
    """How far the texts of a row are apart, shape (n,): 1 minus the mean cosine of two of them, NaN without texts.

    Without an encoder, the share of pairs that are not equal.
    """
    found = np.full(n, np.nan)
    vectors = encode([each for some in texts.values() for each in some]) if encode is not None and texts else None
    start = 0
    for at, some in texts.items():
        size = len(some)
        if vectors is None:
            counts = np.unique(np.array(some), return_counts=True)[1]
            alike = float((counts * (counts - 1)).sum())
        else:
            total = vectors[start : start + size].sum(axis=0, dtype=np.float64)
            alike = float(total @ total) - size
        found[at] = max(0.0, 1 - alike / (size * (size - 1)))
        start += size
    return found


def by_text(values: Floats, of: Ints, n: int) -> Floats:
    """The mean of row values over the rows that each of `n` texts stands for, NaN where none has one."""
    some = (of >= 0) & np.isfinite(values)
    count = np.bincount(of[some], minlength=n)
    total = np.bincount(of[some], values[some], minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def combined(signals: Sequence[Floats], bad: npt.NDArray[np.bool_]) -> Floats:
    """One hardness of several signals, shape (n,), in 0..1: a single one in 0..1 as it is, else the mean of ranks.

    A row that lacks a signal has the middle rank in it. Feedback moves a row half the way to 1.
    """
    if len(signals) == 1 and np.isfinite(signals[0]).all() and 0 <= signals[0].min() <= signals[0].max() <= 1:
        hard = signals[0].astype(np.float64)
    else:
        hard = np.mean([rank(each) for each in signals], axis=0)
    return np.asarray(np.where(bad, hard + BOOST * (1 - hard), hard), np.float64)


def rank(values: Floats) -> Floats:
    """The share of rows that are lower, ties in the middle, shape (n,); .5 for NaN."""
    from scipy.stats import rankdata

    known = np.isfinite(values)
    out = np.full(len(values), 0.5)
    if known.any():
        out[known] = (rankdata(values[known]) - 0.5) / known.sum()
    return out
