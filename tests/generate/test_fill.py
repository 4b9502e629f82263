"""What a readiness report found missing is made, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.generate.scripted import Scripted, recipe, rows_of, texts
from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.core.request import Request
from toolkit.core.types import JSON, Fact, Finding, Result
from toolkit.generate import prepare
from toolkit.generate.fill import filled, missing
from toolkit.store.ledger import Ledger, Run


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
    assert [gap.label for gap in lacks] == ["track"]
    assert 6 <= lacks[0].rows <= 12
    found = prepare(filled(recipe(Scripted(texts)), report, "runs/more")[0]).run()
    assert found.complete
    assert [row["label"] for row in rows_of(found.folder)] == ["track"] * lacks[0].rows
    with pytest.raises(UsageError, match="the recipe has not"):
        missing(report, ["refund"])


GERMAN = "ich warte nun schon seit {} Tagen auf das Paket und es ist immer noch nicht bei mir angekommen"
ENGLISH = "I have been waiting for the parcel for {} days and it is still not here with me"


@pytest.fixture
def used() -> Path:
    """A report of short English rows beside use that is partly German, partly long, partly about passwords."""
    labels = ("refund", "track")
    rows = [{"text": ENGLISH.format(n * 7919), "label": labels[n % 2]} for n in range(100)]
    use = [GERMAN.format(n) for n in range(40)] + [ENGLISH.format(n) + " and so on" * (n % 2 * 20) for n in range(60)]
    for name, told in (("own", rows), ("use", [{"text": text} for text in use])):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    skipped = [f"--skip={name}" for name in ("near-duplicate", "contract", "label-noise", "leak", "shortcut")]
    main(["readiness", "own.jsonl", "--usage", "use.jsonl", "--no-embeddings", *skipped])
    report = Path("runs/own/readiness.json")
    evidence: dict[str, JSON] = {"rows": 20, "covered": 5, "examples": ["line-3: reset my password"]}
    message = "20.0 % of real use, about password, login: 5 of 20 have a row near"
    results: list[Result] = [
        Finding(None, 0.8, message, "thin", evidence=evidence),
        Fact("rows compared", 100.0, "rows", "usage"),
    ]
    with Ledger(report.parent / "ledger.duckdb") as ledger:
        ledger.write(Run("coverage", "C02", "kept", 1, "d", "{}", "ran", "", 100, 100, 0.1), results)
    told = json.loads(report.read_text())
    told["reasons"].append({"check": "coverage", "level": "warning"})
    report.write_text(json.dumps(told))
    return report


def test_languages_lengths_and_regions_of_use_are_made_and_nothing_else(used: Path) -> None:
    def serve(request: Request, rng: Random) -> str:
        asked = dict(request.seed.cell.attributes)
        told = request.messages[-1].content
        assert all(f"Their {name}: {value}." in told for name, value in asked.items())
        good = rng.random() < 0.5
        if "language" in asked:
            made = [(GERMAN if good else ENGLISH).format(rng.random()) for _ in range(request.seed.rows)]
        elif "length" in asked:
            size = int(asked["length"].split()[2])
            made = [words(rng, size if good else 3 * size) for _ in range(request.seed.rows)]
        else:
            made = [f"password {words(rng, 40)}" for _ in range(request.seed.rows)]
        return json.dumps(made)

    gaps = missing(used, ["refund", "track"])
    rows = Counter({name: sum(gap.rows for gap in gaps if gap.name == name) for name in ("language", "length")})
    assert rows["language"] == 40
    assert 20 <= rows["length"] <= 60
    assert [str(gap) for gap in gaps if gap.name == "subject"] == [
        "15 rows with subject password, login (such as: reset my password) (15% of real use)"
    ]
    found = prepare(filled(recipe(Scripted(serve), check=["schema", "label"]), used)[0]).run()
    assert found.complete
    assert found.accepted == sum(gap.rows for gap in gaps)
    assert {step.gate for step in found.waterfall if step.refused} >= {"asked-for"}
    made = rows_of(found.folder)
    german = [row for row in made if row["lineage"]["cell"].get("language") == "de"]
    assert len(german) == 40
    assert all("Tagen" in row["text"] for row in german)
    with pytest.raises(UsageError, match="cannot be told so"):
        filled(recipe(), used)


def words(rng: Random, size: int) -> str:
    return "".join(rng.choice("bcdfgh jklm") for _ in range(size)).replace("  ", "bb").strip().ljust(size, "x")


def test_what_is_no_report_is_refused() -> None:
    Path("other.json").write_text("[]")
    with pytest.raises(InputError, match="no readiness report"):
        missing(Path("other.json"), ["a"])
