"""Two models on the same held-out rows: did the fine-tune help, and is it to be shipped?"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.compare.paired import ClassLine, Judged, Paired, classes, judged, paired
from toolkit.compare.rows import Held, alone, held_rows, predictions, prepared
from toolkit.compare.shape import Drift, drift
from toolkit.compare.verdict import Bars, Decision, decide, rows_to_tell
from toolkit.core.errors import InputError, UsageError
from toolkit.read import Progress, ReadOptions, read
from toolkit.store import streams

__all__ = ["Bars", "Comparison", "Decision", "compare", "prepare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer. regression: the same two models on general rows. more_rows: about how many would tell."""

    decision: Decision
    bars: Bars
    main: Paired
    classes: tuple[ClassLine, ...]
    shape: Drift | None
    regression: Paired | None
    more_rows: int | None

    @property
    def fit(self) -> bool:
        return self.decision.verdict == "ship"

    def __repr__(self) -> str:
        return f"<Comparison {self.decision.verdict}: {self.decision.why[0]}>"


def compare(
    before: str | Path,
    after: str | Path,
    heldout: str | Path,
    *,
    regression: tuple[str | Path, str | Path] | None = None,
    regression_heldout: str | Path | None = None,
    bars: Bars | None = None,
    reading: ReadOptions | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two files of predictions on the same held-out rows.

    A row is scored by what the files hold: `correct` (true or false), else `score` (a number), else the
    prediction is compared with the row's label, or with its answer, after NFKC, lower case and squeezed
    white space. Rows that are near-duplicates or of one group count as one draw. Raises InputError where
    the files are not of the same rows, UsageError where they cannot be scored.
    """
    bars = bars or Bars()
    _check(bars)
    held = _held(heldout, reading, progress)
    one, other = predictions(before, held), predictions(after, held)
    scored = judged(one, other, held)
    main = paired(scored, one, other, held.group, held.name, held.sha256)
    bars = _units(bars, scored)
    general = _regression(regression, regression_heldout, progress)
    shape = drift(held, one.answers(), other.answers()) if scored.kind in ("label", "answer") else None
    decision = decide(main.gain, bars, regression=general and general.gain, shape=shape, cost=main.cost)
    more = rows_to_tell(main.gain, bars) if decision.verdict == "cannot tell" else None
    return Comparison(decision, bars, main, classes(scored, held), shape, general, more)


def prepare(heldout: str | Path, *, reading: ReadOptions | None = None) -> list[dict[str, str]]:
    """A line for each held-out row: id, `row` (the id of its content) and prompt, to be answered by each model."""
    return list(prepared(_held(heldout, reading, None)))


def _held(path: str | Path, reading: ReadOptions | None, progress: Progress | None) -> Held:
    if not Path(path).is_file():
        raise InputError(f"{path} is not a file of held-out rows", "name heldout.jsonl of a run, or your own file")
    with tempfile.TemporaryDirectory() as folder:
        data = read(path, Path(folder) / "rows", reading, progress)
        return held_rows(data, Path(path).name, streams.sha256(Path(path)))


def _check(bars: Bars) -> None:
    if bars.worth < 0 or bars.margin <= 0 or not 0 < bars.alpha < 0.5:
        what = f"worth {bars.worth:g}, margin {bars.margin:g} and alpha {bars.alpha:g} cannot be meant"
        raise UsageError(what, "worth is 0 or more, the margin above 0, alpha between 0 and .5")


def _units(bars: Bars, found: Judged) -> Bars:
    inside = all(((each >= 0.0) & (each <= 1.0)).all() for each in found.scores)
    if found.kind != "score" or inside:
        return bars
    if (bars.worth, bars.margin) == (Bars().worth, Bars().margin):
        what = "the scores do not lie in 0 to 1, so that two points of a hundred mean nothing"
        raise UsageError(what, "say what counts in their own unit: --worth 0.2 --margin 0.2")
    return bars._replace(unit="")


def _regression(
    files: tuple[str | Path, str | Path] | None, heldout: str | Path | None, progress: Progress | None
) -> Paired | None:
    if files is None:
        if heldout is not None:
            raise UsageError("--regression-heldout speaks of a regression set", "add --regression BEFORE AFTER")
        return None
    if heldout is None:
        one, other = alone(*files)
        name = f"{one.name}, {other.name}"
        return paired(judged(one, other, None), one, other, np.arange(len(one.lines), dtype=np.int64), name, "")
    held = _held(heldout, None, progress)
    one, other = predictions(files[0], held), predictions(files[1], held)
    return paired(judged(one, other, held), one, other, held.group, held.name, held.sha256)
