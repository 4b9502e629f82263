"""Rounds of labelling: what each came to on the same held-out rows, and when more labels change nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.sample.look import Seen
from toolkit.stats.power import gain_interval

FLAT = 0.01
LEAST = 50


@dataclass(frozen=True, slots=True)
class Round:
    """One set of labelled rows. hits: `1` or `0` for each labelled held-out row, whether the cheap head names it.

    held_out: digest of those rows; rounds are compared where it is the same. by_class: rows of each class.
    """

    labelled: int
    digest: str
    held_out: str = ""
    hits: str = ""
    weakest: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float | None:
        return self.hits.count("1") / len(self.hits) if self.hits else None


def history(manifest: Path, seen: Seen, encode: Any) -> list[Round]:
    """The rounds that a queue's folder remembers, and this one; the same labelled rows are the same round."""
    now = _now(seen, encode)
    if now is None:
        return []
    try:
        earlier = [_round(each) for each in json.loads(manifest.read_text(encoding="utf-8"))["rounds"]]
    except (OSError, ValueError, KeyError, TypeError):
        earlier = []
    kept = [each for each in earlier if each.digest != now.digest]
    if len(kept) < len(earlier):  # the same labels again: what came after them is not known any more
        kept = earlier[: [each.digest for each in earlier].index(now.digest)]
    return [*kept, now]


def advice(rounds: Sequence[Round]) -> str:
    """Whether to go on, in words: stop where neither of the last two rounds has shown a gain of a point or more.

    A gain is paired, on the same held-out rows. Without labelled held-out rows nobody can say.
    """
    known = [each for each in rounds if each.hits and each.held_out == rounds[-1].held_out]
    if not known or known[-1] is not rounds[-1]:
        return "no stop advice: give labelled held-out rows with --exclude, and rounds can be compared"
    if len(known[-1].hits) < LEAST:
        return f"no stop advice: {len(known[-1].hits)} held-out rows are too few, {LEAST} or more are needed"
    if len(known) < 3:
        return "no stop advice yet: it takes three rounds"
    gains = [_gain(one, other) for one, other in ((known[-3], known[-2]), (known[-2], known[-1]))]
    told = ", ".join(f"{100 * mean:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})" for mean, low, high in gains)
    if all(mean < FLAT and low <= 0 for mean, low, _ in gains):
        return f"stop, or change what is asked: the last two rounds gained {told}"
    return f"go on: the last two rounds gained {told}"


def _gain(before: Round, after: Round) -> tuple[float, float, float]:
    pairs = list(zip(before.hits, after.hits, strict=True))
    gained, lost = pairs.count(("0", "1")), pairs.count(("1", "0"))
    low, high = gain_interval(gained, lost, len(pairs))
    return (gained - lost) / len(pairs), low, high


def _now(seen: Seen, encode: Any) -> Round | None:
    if seen.labelled is None:
        return None
    rows, digest = len(seen.labelled), seen.labelled.digest
    labels = [each for side in seen.excluded for each in side.label.to_pylist()]
    if seen.head is None or not any(labels):
        return Round(rows, digest)
    texts = [each or "" for side in seen.excluded for each in side.text.to_pylist()]
    some = [at for at, label in enumerate(labels) if label]
    found = seen.head.shares(encode([texts[at] for at in some])).argmax(axis=1)
    hits = [seen.head.classes[place] == labels[at] for place, at in zip(found.tolist(), some, strict=True)]
    held = "+".join(side.digest for side in seen.excluded)
    weakest = _weakest(np.array([labels[at] for at in some]), np.array(hits))
    return Round(rows, digest, held, "".join("1" if hit else "0" for hit in hits), weakest)


def _weakest(labels: np.ndarray, hits: np.ndarray, most: int = 5) -> tuple[str, ...]:
    """The classes that are named wrongly most often among the held-out rows, those with most wrong rows first."""
    names, code = np.unique(labels, return_inverse=True)
    wrong = np.bincount(code, ~hits)
    order = np.argsort(-wrong, kind="stable")[:most]
    return tuple(str(names[at]) for at in order.tolist() if wrong[at])


def _round(value: dict[str, Any]) -> Round:
    return Round(**{**value, "weakest": tuple(value.get("weakest", ()))})
