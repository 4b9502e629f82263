"""The gate of the round trip: someone else, shown the text alone, names the label that was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from toolkit.core import loose
from toolkit.core.errors import UsageError, unknown
from toolkit.core.gating import Context, Guard, Question
from toolkit.core.marked import FENCED, fenced
from toolkit.core.request import Cell, Example, GeneratedRow, Message, Request, Seed
from toolkit.core.text import normal_text

PROBE = "probe"
LEAST_SEEDS = 5
MARKS = " .\"'`*“”„«»[]()"
LEAD = re.compile(r"^[\s\"'`*]*(?:the )?(?:label|class|category|answer)(?: is)?[\s*]*:?[\s*]*")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A second model, or a classifier trained on your seeds, gives the text the label that it was made for.

    by: the name of a model in the recipe's `models`, which should not be the one that writes; or
    `probe`, a logistic regression over sentence vectors of the seeds, which needs five of each label and
    costs nothing. The model sees the labels with their descriptions in an order that changes from row to
    row, and the text fenced as data. The probe refuses where it gives the label asked for under `least`
    and another one more.

    Method: round-trip consistency (Alberti et al. 2019). Missed: what both get wrong.
    """

    id: ClassVar[str] = "round-trip"
    rank: ClassVar[int] = 90
    costly: ClassVar[bool] = True

    by: str = PROBE
    least: float = 0.2

    def guard(self, context: Context) -> Guard:
        if len(context.labels) < 2:
            raise UsageError("round-trip needs two labels or more", "take it out, or add a label")
        if self.by == PROBE:
            return _Probe(_enough(context), self.least)
        if self.by not in context.models:
            raise unknown("model of round-trip:", self.by, [*context.models, PROBE])
        return _Second(self.by, dict(context.labels))


@dataclass(slots=True)
class _Second:
    """Asks another model."""

    id: ClassVar[str] = "round-trip"
    to: str
    labels: dict[str, str]

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        return "it was not asked about"

    def keep(self, row: GeneratedRow) -> None:
        """Nothing to remember."""

    def ask(self, row: GeneratedRow, cell: Cell) -> Question:
        order = sorted(self.labels)
        Random(row.text).shuffle(order)  # noqa: S311 - no secret is made
        listed = "\n".join(f"- {name}: {self.labels[name]}" for name in order)
        asked = f"Which label does the text have?\n{listed}\n\n{fenced(row.text)}\n\nAnswer with the label alone."
        messages = (Message("system", f"You assign labels to texts. {FENCED}"), Message("user", asked))
        reply = yield Request(Seed(cell), messages, to=self.to)
        named = self._named(loose.plain(reply.text))
        if not named:
            return f"the model {self.to} named no label"
        return "" if named == row.label else f"the model {self.to} reads it as '{named}'"

    def _named(self, said: str) -> str:
        """The label that a reply names, alone or behind `label:` or `the label is`, or the first line of it alone."""
        for each in (said, said.partition("\n")[0]):
            bare = LEAD.sub("", normal_text(each)).strip(MARKS)
            named = next((name for name in self.labels if normal_text(name) == bare), "")
            if named:
                return named
        return ""


@dataclass(slots=True)
class _Probe:
    """Asks a classifier that was trained on the seeds."""

    id: ClassVar[str] = "round-trip"
    seeds: list[Example]
    least: float
    reader: Any = None

    def judge(self, row: GeneratedRow, cell: Cell) -> str:
        shares = self._reader().shares(row.text)
        if row.label not in shares:
            return ""
        best = max(shares, key=lambda name: (shares[name], name))
        if best == row.label or shares[row.label] >= self.least:
            return ""
        return f"the probe reads it as '{best}' ({shares[best]:.2f}, its own label {shares[row.label]:.2f})"

    def keep(self, row: GeneratedRow) -> None:
        """The probe stays as the user's own rows taught it."""

    def _reader(self) -> Any:
        if self.reader is None:
            from toolkit.near.reader import Reader

            self.reader = Reader.of([each.text for each in self.seeds], [str(each.label) for each in self.seeds])
        return self.reader


def _enough(context: Context) -> list[Example]:
    """The seeds that a probe learns from. Raises UsageError where a label has too few."""
    rows = [each for each in context.examples if each.label in context.labels]
    counts = {name: sum(each.label == name for each in rows) for name in context.labels}
    thin = min(counts, key=lambda name: counts[name])
    if counts[thin] < LEAST_SEEDS:
        raise UsageError(
            f"the probe of round-trip needs {LEAST_SEEDS} seeds of each label, '{thin}' has {counts[thin]}",
            "add seeds, or name a model: {round-trip: {by: MODEL}}",
        )
    return rows
