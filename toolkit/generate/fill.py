"""A recipe narrowed to what a readiness report found missing, measured against its classes and against real use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from toolkit.checks.balance import CLASS_ROWS, RATIO
from toolkit.core.errors import InputError, UsageError
from toolkit.core.policy import load_policy
from toolkit.core.request import Cell, Seed
from toolkit.generate.gates import USUAL
from toolkit.generate.recipe import Loaded, Out
from toolkit.store.ledger import Ledger

ATTRIBUTES = {"languages": "language", "prompt-characters": "length"}
TRAINED = ("data", "train")


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that lack of one kind. label: of which class, empty for any. name, value: the attribute asked for, or empty.

    share: of real use.
    """

    rows: int
    label: str = ""
    name: str = ""
    value: str = ""
    share: float = 0.0

    def __str__(self) -> str:
        if self.label:
            return f"{self.rows:,} rows of the class {self.label}"
        return f"{self.rows:,} rows with {self.name} {self.value} ({self.share:.0%} of real use)"


def missing(report: Path, labels: Sequence[str]) -> list[Gap]:
    """What the run of a readiness report lacks: rows of its classes, and regions, lengths and languages of real use.

    Of a class, rows to what the check `balance` asks: 10, a tenth of the largest. Of real use, where `coverage` or
    `drift` warn, what lifts a share of the kept rows to its share of use; a region by its rows that nothing is near.
    Raises InputError for a file that is no readiness report, UsageError where a class is no label of the recipe.
    """
    told = _read(report)
    gaps = [*_classes({each["name"]: int(each["rows"]) for each in told["classes"]}, labels)]
    warned = {each["check"] for each in told["reasons"] if each["level"] != "info"}
    if warned & {"coverage", "drift"}:
        with Ledger(report.resolve().parent / "ledger.duckdb", read_only=True) as ledger:
            gaps += _regions(ledger, int(told["kept"])) if "coverage" in warned else []
            gaps += _drifted(ledger, int(told["kept"])) if "drift" in warned else []
    return [gap for gap in gaps if gap.rows]


def filled(loaded: Loaded, report: Path, out: str | None = None) -> tuple[Loaded, list[Gap]]:
    """The recipe with its cells set to what is missing, and that; no row repeats one that the run of the report kept.

    out: the folder; that of the recipe with `-fill` behind it by default. Raises UsageError where nothing is
    missing, and where the recipe's provider or prompt cannot be told what is.
    """
    file = loaded.file
    gaps = missing(report, list(file.labels))
    if not gaps:
        raise UsageError(f"{report} lacks no rows", "give the recipe without --fill for more rows")
    kept = report.resolve().parent / "kept.jsonl"
    update = {
        "target": file.target.model_copy(
            update={"rows": sum(gap.rows for gap in gaps), "per_label": "balanced", "max_candidates": None}
        ),
        "avoid": [*file.avoid, *([str(kept)] if kept.is_file() else [])],
        "out": Out(dir=out or f"{file.out.dir or f'runs/{loaded.name}'}-fill"),
        "check": [*(USUAL if file.check is None else file.check), "asked-for"],
    }
    found = replace(loaded, file=file.model_copy(update=update), only=tuple(_cells(loaded, gaps)))
    _said(found, gaps)
    return found, gaps


def _read(report: Path) -> Any:
    try:
        told = orjson.loads(report.read_bytes())
        _ = told["classes"], told["reasons"], told["kept"]
    except (OSError, ValueError, KeyError, TypeError) as failure:
        what = f"{report} is no readiness report: {type(failure).__name__}"
        raise InputError(what, "name the readiness.json of a run") from failure
    return told


def _classes(counts: dict[str, int], labels: Sequence[str]) -> Iterator[Gap]:
    other = next((name for name in counts if name not in labels), None)
    if other is not None:
        raise UsageError(f"the data has the label '{other}' and the recipe has not", "add it to `labels`")
    least = max(CLASS_ROWS, math.ceil(max(counts.values()) / RATIO)) if counts else 0
    for name in labels if counts else ():
        yield Gap(max(0, least - counts.get(name, 0)), name)


def _found(ledger: Ledger, check: str) -> list[dict[str, Any]]:
    """The findings of a check that reach the bar, of the last scope that it looked at."""
    rows = ledger.rows(
        """SELECT f.kind, f.score, f.message, f.evidence FROM findings f JOIN runs r USING (run)
        WHERE r."check" = ? AND f.evidence IS NOT NULL ORDER BY r.run, f.kind, f.message""",
        [check],
    )
    bar = load_policy().checks[check].flag_at
    return [{**row, **orjson.loads(row["evidence"])} for row in rows if row["score"] >= bar]


def _regions(ledger: Ledger, kept: int) -> Iterator[Gap]:
    used = ledger.rows("""SELECT value FROM facts WHERE name = 'rows compared' AND "group" = 'usage'""")
    for each in _found(ledger, "coverage"):
        if "covered" in each and used:
            share = (each["rows"] - each["covered"]) / used[0]["value"]
            words = each["message"].partition(", about ")[2].rpartition(": ")[0]
            shown = "; ".join(text.partition(": ")[2] for text in each["examples"][:3])
            yield Gap(math.ceil(kept * share), "", "subject", f"{words} (such as: {shown})", share)


def _drifted(ledger: Ledger, kept: int) -> Iterator[Gap]:
    seen = set[str]()
    for each in _found(ledger, "drift"):
        name = ATTRIBUTES.get(each["kind"])
        if name is None or each["kind"] in seen or each["sides"][0] not in TRAINED or each["sides"][1] != "usage":
            continue
        seen.add(each["kind"])
        for value, ours, used in each["shares"]:
            told = f"{value} characters" if name == "length" else value
            yield Gap(math.ceil(kept * max(0.0, used - ours)), "", name, told, used)


def _cells(loaded: Loaded, gaps: Sequence[Gap]) -> Iterator[tuple[Cell, float, float]]:
    """Each label with what it lacks over its usual cells, and an equal part of what any label may give."""
    free = [gap for gap in gaps if not gap.label]
    shared = sum(gap.rows for gap in free) / len(loaded.file.labels)
    for label in loaded.file.labels:
        own = sum(gap.rows for gap in gaps if gap.label == label)
        usual = [(cell, inner) for cell, _, inner in loaded.weights() if cell.label == label]
        total = sum(inner for _, inner in usual)
        for cell, inner in usual if own else ():
            yield cell, own + shared, own * inner / total
        for gap in free:
            yield Cell(label, ((gap.name, gap.value),)), own + shared, gap.rows / len(loaded.file.labels)


def _said(loaded: Loaded, gaps: Sequence[Gap]) -> None:
    """Raises UsageError where an attribute that is missing would change nothing that is asked."""
    gap = next((gap for gap in gaps if gap.name), None)
    if gap is None:
        return
    label = next(iter(loaded.file.labels))
    plain, told = Cell(label), Cell(label, ((gap.name, gap.value),))
    asked = [next(loaded.recipe.cook(Seed(cell))).messages for cell in (plain, told)]
    if not loaded.provider.reads_prompt or asked[0] == asked[1]:
        who = "the prompt of this recipe" if loaded.provider.reads_prompt else loaded.provider.id
        raise UsageError(f"{gap} are missing, and {who} cannot be told so", "let a model make them: model.use")
