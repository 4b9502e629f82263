"""Freeze rows given in a test and look at them with one check, without a ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.core import parts
from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Findings, Result
from toolkit.read import ReadOptions, read
from toolkit.scene import Scene
from toolkit.store.dataset import Dataset


def freeze(rows: Sequence[Any], folder: Path, **options: Any) -> Dataset:
    """Rows as a frozen data set: a dict is a row, a string a line of the file as it stands."""
    file = folder.with_suffix(".jsonl")
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
    return read(file, folder, ReadOptions(**options))


def look(
    check: str,
    data: Dataset,
    *,
    options: Mapping[str, Any] | None = None,
    references: Sequence[tuple[str, Dataset, np.ndarray | None]] = (),
    encode: Any = None,
    keep: np.ndarray | None = None,
    usage: Dataset | None = None,
    memo: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Everything that a check yields; Skip and NotApplicable come through."""
    built = parts.build("checks", check, options)
    scene = Scene(data, tuple(references), encode, keep, dict(memo or {}), usage=usage)
    view = scene.view(built.reads)
    if hasattr(built, "look"):
        return [
            each
            for batch in view.batches(*built.reads)
            for each in built.look(batch.select(["row", *built.reads]), view)
        ]
    return list(built.run(view))


def found(results: Sequence[Result], floor: float = 0.5) -> set[tuple[int | None, str]]:
    """The findings as (row, kind), of at least the score `floor`."""
    flat: set[tuple[int | None, str]] = set()
    for each in results:
        if isinstance(each, Finding) and each.score >= floor:
            flat.add((each.row, each.kind))
        elif isinstance(each, Findings):
            scores = np.broadcast_to(np.asarray(each.score), (len(each.row),))
            flat |= {(int(row), each.kind) for row, score in zip(each.row, scores, strict=True) if score >= floor}
    return flat


def facts(results: Sequence[Result]) -> dict[tuple[str, str], float]:
    """The facts by name and group."""
    return {(each.name, each.group): each.value for each in results if isinstance(each, Fact)}


__all__ = ["NotApplicable", "Skip", "facts", "found", "freeze", "look"]
