"""The report's sections, its diff, its card and Croissant, and clear answers to odd data."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.renderers import sample
from toolkit.checks.narrowness import effective_forms, mean_cosine
from toolkit.checks.token_budget import cookbook_epochs
from toolkit.cli import main
from toolkit.core.errors import InputError
from toolkit.core.policy import load_policy
from toolkit.core.report import Reason
from toolkit.core.training_prices import rates
from toolkit.core.types import Fact
from toolkit.decide import Decision, decide
from toolkit.readiness import readiness
from toolkit.renderers.card import Card
from toolkit.renderers.croissant import Croissant
from toolkit.renderers.html import Html
from toolkit.renderers.sections import sections
from toolkit.renderers.terminal import outcomes
from toolkit.sections import build, fixes
from toolkit.split import SplitOptions
from toolkit.store.ledger import Ledger, Run
from toolkit.verify import VerifyOptions

KEYLESS = VerifyOptions(embed=False)
NOUNS = "parcel invoice password refund voucher account address courier".split()  # noqa: SIM905
FILL = [f"{a}{b}" for a in ("ran", "del", "mit", "por", "sun", "tak") for b in ("a", "e", "i", "o", "u", "ar", "en")]


def _tickets(n: int, classes: int = 4, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for at in range(n):
        noun = NOUNS[at % classes]
        rows.append({"text": f"{noun} {' '.join(rng.sample(FILL, 8))}", "label": noun})
    return rows


def _reason(level: str, check: str, remedy: str = "toolkit findings RUN") -> Reason:
    return Reason(level, check, "", f"{check} found something", "", remedy)


def test_a_fix_says_what_the_verdict_is_without_its_reason() -> None:
    import numpy as np

    nothing = Decision(0, 0, np.array([], np.int64), ())
    why = [_reason("error", "leak", "leave them out"), _reason("warning", "balance"), _reason("info", "pii")]
    found: list[Any] = fixes(why, nothing, "runs/a")
    assert [each["check"] for each in found] == ["leak", "balance"]
    assert (found[0]["effect"], found[0]["together"]) == ("without it: READY WITH RISKS", "READY")
    assert found[1]["effect"].startswith("without it: NOT READY")
    assert found[0]["try"] == "toolkit findings runs/a --check leak, then: leave them out"


def test_cookbook_epochs() -> None:
    assert [cookbook_epochs(rows) for rows in (1, 10, 33, 34, 800, 8333, 8334, 100_000)] == [25, 10, 3, 3, 3, 3, 2, 1]


def test_narrowness_of_known_sets() -> None:
    import numpy as np

    assert mean_cosine(np.eye(5)) == pytest.approx(0)
    assert mean_cosine(np.ones((4, 1))) == pytest.approx(1)
    assert effective_forms(["yes"] * 9) == pytest.approx(1)
    assert effective_forms(["a", "1", "- x", "a\nb"]) == pytest.approx(4)


def test_prices_are_dated_and_one_can_bring_ones_own(tmp_path: Path) -> None:
    assert all(each.page and each.seen.year >= 2026 for each in rates().values())
    own = tmp_path / "own.yaml"
    own.write_text("version: 1\nrates:\n  ours: {usd: 2, seen: 2026-01-05}\n")
    assert rates(str(own))["ours"].usd == 2
    with pytest.raises(InputError):
        rates(str(tmp_path / "none.yaml"))


def test_the_report_holds_its_sections_and_the_next_one_says_what_changed(tmp_path: Path) -> None:
    first = readiness(_tickets(400), run=tmp_path / "one", options=KEYLESS)
    extra: Any = first.report.extra
    assert {each["what"] for each in extra["minimums"]} == {
        "rows that stay",
        "held-out rows",
        "rows of the smallest class held out",
    }
    assert {"tokens of a pass", "epochs of the run", "cost of training"} <= {
        each["name"] for each in extra["cost"]["facts"]
    }
    same = readiness(first.run.path, previous=first.run.readiness("json"), options=KEYLESS)
    told: Any = same.report.extra["since"]
    assert not (told["changed"] or told["gone"] or told["new"] or told["checks"])
    other = readiness(_tickets(150), run=tmp_path / "two", options=KEYLESS, previous=first.run.readiness("json"))
    told = other.report.extra["since"]
    assert ["kept", first.report.kept, other.report.kept] in told["changed"]
    assert any("fewer than 200" in title for title in told["new"])
    for name in ("README.md", "croissant.json", "readiness.html", "readiness.md"):
        assert (other.run.path / name).stat().st_size > 500


def test_a_report_of_another_version_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"version": 99, "verdict": "READY"}))
    with pytest.raises(InputError, match="version"):
        readiness(_tickets(40), run=tmp_path / "run", options=KEYLESS, previous=old)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("rows", "verdict", "words"),
    [
        (_tickets(12), "NOT READY", "12 rows"),
        (_tickets(300, classes=1), "NOT READY", "every row has the same label"),
        ([{"text": row["text"]} for row in _tickets(300)], "", ""),
        ([{"text": row["text"], "lineage": {"source_kind": "llm"}} for row in _tickets(600)], "", "no row of real use"),
    ],
    ids=["12 rows", "one class", "no labels", "all made"],
)
def test_odd_data_gets_a_clear_answer_and_no_invented_number(
    rows: list[dict[str, Any]], verdict: str, words: str, tmp_path: Path
) -> None:
    answer = readiness(rows, run=tmp_path / "run", options=KEYLESS)
    told = " ".join(f"{each.title} {each.detail}" for each in answer.report.reasons)
    if verdict:
        assert answer.verdict == verdict
        assert words in told.lower()
    assert "learning" not in answer.report.extra
    assert "leaked" not in answer.report.extra


def test_held_out_larger_than_train_is_said(tmp_path: Path) -> None:
    answer = readiness(_tickets(300), run=tmp_path / "run", options=KEYLESS, splitting=SplitOptions(heldout=0.7))
    assert answer.report.parts[-1].rows > answer.report.parts[0].rows
    held = tmp_path / "held.jsonl"
    held.write_text("".join(json.dumps(row) + "\n" for row in _tickets(900, seed=9)))
    given = readiness(_tickets(200), run=tmp_path / "given", options=KEYLESS, heldout=held)
    assert given.report.heldout is not None
    assert given.report.heldout.rows == 900


def test_the_card_is_yaml_that_the_hub_reads() -> None:
    report = replace(sample.usual(), extra={"licence": "CC-BY-4.0: as is"})
    _, front, text = Card().render(report).split("---\n", 2)
    told = YAML(typ="safe").load(front)
    assert told["license"] == "CC-BY-4.0: as is"
    assert told["size_categories"] == ["n<1K"]
    assert [each["split"] for each in told["configs"][0]["data_files"]] == ["train", "test"]
    assert "738 are kept" in text
    assert YAML(typ="safe").load(Card().render(sample.hostile()).split("---\n")[1])["license"] == "unknown"


def test_croissant_names_every_file_with_its_hash() -> None:
    report = sample.usual()
    told = json.loads(Croissant().render(report))
    assert told["@type"] == "sc:Dataset"
    assert told["conformsTo"].endswith("croissant/1.0")
    assert [each["sha256"] for each in told["distribution"]] == [part.sha256 for part in report.parts]
    files = {each["@id"] for each in told["distribution"]}
    for records in told["recordSet"]:
        assert {field["source"]["fileObject"]["@id"] for field in records["field"]} <= files
        # mlcroissant 1.1 reads a JSON lines file as a table: a jsonPath validates there, and loads nothing.
        assert all(field["source"]["extract"] == {"column": field["name"]} for field in records["field"])


def test_every_section_of_the_usual_report_is_on_the_page() -> None:
    report = sample.usual()
    page = Html().render(report)
    found = sections(report)
    assert {"fixes", "minimums", "made", "learning", "leaked", "cost", "personal"} <= {each.id for each in found}
    assert all(f'<section id="{each.id}"' in page for each in found)
    assert "Score against rows to learn from" in page and "Score by nearness to train" in page
    assert "What each gate let through" in page


def test_the_summary_of_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in _tickets(60)))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    asked = ["readiness", str(file), "--run", "job", "--no-embeddings", "--github-summary"]
    assert main(asked) == 2
    assert "GITHUB_STEP_SUMMARY" in capsys.readouterr().err
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert main([*asked, "--write", "junit:checks.xml"]) == 1
    assert summary.read_text().startswith("before\n# NOT READY")
    assert Path("checks.xml").read_text().startswith("<?xml")


def test_the_classes_most_often_confused_are_shown(tmp_path: Path) -> None:
    pairs = [("refund -> billing\x1b[2J", 2), ("login -> account", 9), ("a -> b", 1), ("c -> d", 1)]
    with Ledger(tmp_path / "ledger.duckdb") as ledger:
        ledger.set_meta("records", "40")
        ledger.set_meta("rows", "40")
        facts = [Fact("flagged pairs", float(n), "rows", pair) for pair, n in pairs]
        ledger.write(Run("label-noise", "N01", "input", 1, "x", "{}", "ran", "", 40, 40, 0.0), facts)
        decision = decide(ledger, load_policy(None))
    line = next(line for line in outcomes(decision) if "most often" in line)
    assert line.strip() == "most often: login -> account 9, refund -> billing⟨U+001B⟩[2J 2, a -> b 1, …"
    told = build(decision, [], [], "runs/a")["confused"]
    (section,) = sections(replace(sample.usual(), extra={"confused": told}))
    assert section.rows[0] == ["login -> account", "9"] and len(section.rows) == 4
