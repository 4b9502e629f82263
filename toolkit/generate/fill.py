"""A recipe narrowed to what a readiness report found missing: rows of classes under their minimum."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from toolkit.checks.balance import CLASS_ROWS, RATIO
from toolkit.core.errors import InputError, UsageError
from toolkit.generate.recipe import Loaded, Out


def missing(report: Path, labels: list[str]) -> dict[str, int]:
    """Rows that each label lacks to what the check `balance` asks of a class: 10 rows, a tenth of the largest.

    Raises InputError for a file that is no readiness report or one of rows without classes, UsageError where a
    class of the report is no label of the recipe.
    """
    try:
        told: Any = orjson.loads(report.read_bytes())
        counts = {each["name"]: int(each["rows"]) for each in told["classes"]}
    except (OSError, ValueError, KeyError, TypeError) as failure:
        what = f"{report} is no readiness report: {type(failure).__name__}"
        raise InputError(what, "name the readiness.json of a run") from failure
    if not counts:
        raise InputError(f"{report} counts no classes", "--fill needs rows with labels")
    other = next((name for name in counts if name not in labels), None)
    if other is not None:
        raise UsageError(f"the data has the label '{other}' and the recipe has not", "add it to `labels`")
    least = max(CLASS_ROWS, math.ceil(max(counts.values()) / RATIO))
    return {name: max(0, least - counts.get(name, 0)) for name in labels}


def filled(loaded: Loaded, report: Path, out: str | None = None) -> Loaded:
    """The recipe with its target set to what is missing; no row repeats one that the run of the report kept.

    out: the folder; that of the recipe with `-fill` behind it by default. Raises UsageError where nothing is missing.
    """
    file = loaded.file
    lacks = missing(report, list(file.labels))
    rows = sum(lacks.values())
    if not rows:
        raise UsageError(f"{report} lacks no rows of any class", "give the recipe without --fill for more rows")
    weights = {name: float(count) for name, count in lacks.items()}
    target = file.target.model_copy(update={"rows": rows, "per_label": weights, "max_candidates": None})
    kept = report.resolve().parent / "kept.jsonl"
    avoid = [*file.avoid, *([str(kept)] if kept.is_file() else [])]
    home = Out(dir=out or f"{file.out.dir or f'runs/{loaded.name}'}-fill")
    return replace(loaded, file=file.model_copy(update={"target": target, "avoid": avoid, "out": home}))
