"""What a readiness report found missing is made, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.generate.scripted import Scripted, recipe, rows_of, texts
from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.generate import prepare
from toolkit.generate.fill import filled, missing


@pytest.fixture
def report() -> Path:
    """A report of 150 rows of one class and 4 of another, as the command writes it."""
    told = [{"text": f"money back for case {n} of {n * 7919 % 1000} please", "label": "refund"} for n in range(150)]
    told += [{"text": f"where is parcel {n} from {word}", "label": "track"} for n, word in enumerate("abcd")]
    Path("skew.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    main(["readiness", "skew.jsonl", "--no-embeddings", "--skip", "near-duplicate", "--skip", "contract"])
    return Path("runs/skew/readiness.json")


def test_exactly_the_missing_rows_of_the_thin_class_are_made(report: Path) -> None:
    lacks = missing(report, ["refund", "track"])
    assert lacks["refund"] == 0
    assert 6 <= lacks["track"] <= 12
    found = prepare(filled(recipe(Scripted(texts)), report, "runs/more")).run()
    assert found.complete
    assert [row["label"] for row in rows_of(found.folder)] == ["track"] * lacks["track"]
    with pytest.raises(UsageError, match="the recipe has not"):
        missing(report, ["refund"])


def test_what_is_no_report_is_refused() -> None:
    Path("other.json").write_text("[]")
    with pytest.raises(InputError, match="no readiness report"):
        missing(Path("other.json"), ["a"])
