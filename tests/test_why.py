"""One row explained: by any of its names, wherever it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.cli import main
from toolkit.core.errors import InputError
from toolkit.why import why

KEY = "AK" + "IAQYLPMN5HHHFPZAM2"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = [
        {"id": f"t{at}", "text": f"{word} my {noun} number {at}", "label": word}
        for at, (word, noun) in enumerate(
            (w, n) for w in ("track", "cancel") for n in ["order", "parcel", "lamp", "bottle"]
        )
    ]
    lineage = {"source_kind": "grammar", "recipe": "tickets", "parents": ["t0"], "note": f"seed {KEY}"}
    rows[3]["lineage"] = lineage
    rows.append({**rows[0], "id": "copy"})
    rows.append({"id": "leaky", "text": f"the key is {KEY}, mail jane.roe@acme-corp.de", "label": "track"})
    rows += [{"id": "twin", "text": f"twin {at} of two", "label": "cancel"} for at in range(2)]
    text = "".join(json.dumps(row) + "\n" for row in rows) + '{"text": "broken",}\n'
    Path("rows.jsonl").write_text(text)
    main(["verify", "rows.jsonl", "--no-embeddings", "--skip", "contract"])
    return Path("runs/rows")


def test_a_copy_names_its_partner_and_the_partner_its_copy(run: Path) -> None:
    copy, first = why("copy", run), why("t0", run)
    assert (copy.place, first.place) == ("quarantined", "kept")
    told = next(each for each in copy.found if each.check == "exact-duplicate")
    assert told.other is not None
    assert (told.about, told.rejects, told.other.ref, told.other.place) == ("row", True, "t0", "kept")
    back = next(each for each in first.found if each.check == "exact-duplicate")
    assert back.other is not None
    assert (back.about, back.rejects, back.other.ref) == ("other", False, "copy")
    assert "leaves while its partner stays" in told.rule


def test_a_row_is_found_by_each_of_its_names(run: Path) -> None:
    by_id = why("t2", run)
    assert by_id.line == 3
    assert by_id.row is not None
    assert by_id == why("line-3", run) == why("3", run) == why(by_id.row, run)
    assert "empty-answer" in by_id.silent
    assert ["label-noise", "skipped"] in [list(each[:2]) for each in by_id.blind]
    for wrong in ("t99", "line-99", "", "0" * 16):
        with pytest.raises(InputError, match="has no row"):
            why(wrong, run)
    with pytest.raises(InputError, match="2 rows are called 'twin'"):
        why("twin", run)


def test_a_line_that_is_no_row_was_looked_at_by_the_parser_alone(run: Path) -> None:
    found = why("line-13", run)
    assert (found.place, found.format, found.silent) == ("quarantined", "not a row", [])
    assert [each.check for each in found.found] == ["parse"]


def test_lineage_and_split_are_told_and_no_secret_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["split", "rows", "--heldout", "0.3"])
    parts = {why(f"t{at}", run).part for at in range(8)}
    assert parts <= {"train", "heldout", None}
    assert parts & {"train"}
    capsys.readouterr()
    for row in ("leaky", "t3"):
        for more in ([], ["--json"]):
            assert main(["why", row, "--run", "rows", *more]) == 0
    said = capsys.readouterr().out
    assert "grammar" in said and "aws-access-key" in said
    assert not [value for value in (KEY, "jane.roe") if value in said]


def test_mistakes_are_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for argv in (["why", "t1"], ["why", "tt1", "--run", "rows"], ["why", "t1", "--run", "none"]):
        assert main(argv) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 2
