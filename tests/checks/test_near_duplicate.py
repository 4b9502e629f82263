"""Which near-duplicate is preferred, why, and what the evidence says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.looking import freeze, look
from toolkit.cli import main
from toolkit.core.types import Findings

TEXT = (
    "please cancel my subscription to the weekly newsletter and confirm it by email to me before the end of the month"
)


def _told(
    rows: list[dict[str, Any]], folder: Path, **options: Any
) -> dict[tuple[int, int], tuple[str, dict[str, Any]]]:
    """(row, other) -> message and evidence."""
    told = {}
    for each in look("near-duplicate", freeze(rows, folder / "rows"), options=options):
        if isinstance(each, Findings):
            assert each.other is not None and each.evidence is not None
            for row, other, evidence in zip(each.row.tolist(), each.other.tolist(), each.evidence, strict=True):
                told[row, other] = (each.message, json.loads(str(evidence)))
    return told


def test_the_message_says_why_and_the_evidence_names_the_row_that_is_kept(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": TEXT},
        {"id": "b", "text": f"{TEXT} now"},
        {"id": 'c "x"', "text": f"{TEXT} now please"},
    ]
    told = _told(rows, tmp_path)
    message, evidence = told[0, 2]
    assert message == "nearly the same text as another row, which is preferred: it is longer"
    assert evidence == {"by": "longest", "rows": 3, "kept": 'c "x"', "value": len(TEXT) + 11, "own": len(TEXT)}
    # b is preferred to a, and goes itself: what is kept for a is c all the same.
    assert told[0, 1][1]["kept"] == 'c "x"'


def test_the_newest_shows_the_dates_that_it_compared(tmp_path: Path) -> None:
    rows = [{"text": TEXT, "at": "2024-05-02"}, {"text": f"{TEXT} now", "at": "2024-05-01"}, {"text": f"{TEXT} today"}]
    told = _told(rows, tmp_path, keep="newest:at")
    assert told[1, 0][0].endswith("its 'at' is later")
    assert told[1, 0][1] == {
        "by": "newest:at", "rows": 3, "kept": "line-1", "value": "2024-05-02", "own": "2024-05-01"
    }  # fmt: skip
    assert "own" not in told[2, 0][1]


def test_nothing_is_kept_for_another_where_both_may_stay(tmp_path: Path) -> None:
    told = _told([{"text": TEXT, "label": "x"}, {"text": TEXT, "label": "y"}], tmp_path)
    assert [evidence for _, evidence in told.values()] == [{"by": "longest", "value": len(TEXT), "own": len(TEXT)}]


@pytest.mark.parametrize(("keep", "kept"), [("first", 0), ("last", 99), ("best:score", 40)])
def test_of_many_equal_rows_one_is_kept_by_any_rule(keep: str, kept: int, tmp_path: Path) -> None:
    rows = [{"text": TEXT, "score": 5 if at == 40 else 1} for at in range(100)]
    told = _told(rows, tmp_path, keep=keep)
    assert {row for row, _ in told} == set(range(100)) - {kept}
    assert {evidence["kept"] for _, evidence in told.values()} == {f"line-{kept + 1}"}


def test_the_command_line_has_plain_options(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [TEXT, f"{TEXT} now", TEXT.replace("email", "e-mail")]
    Path("rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    options = ["rows.jsonl", "--check", "near-duplicate", "--no-embeddings", "--json"]
    assert main(["verify", *options, "--exact", "--keep", "last"]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] == 1
    assert main(["findings", told["run"]]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["other"] for line in lines if line["flag"]} >= {"line-3"}
    assert {line["kept"] for line in lines} == {"line-3"}


@pytest.mark.parametrize("keep", ["shortest", "newest", "first:at", ""])
def test_a_rule_that_is_none_is_refused(keep: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_text("{}\n")
    code = main(["verify", "rows.jsonl", "--check", "near-duplicate", "--no-embeddings", f"--keep={keep}"])
    said = capsys.readouterr().err
    assert code == (2 if keep else 0)
    assert not keep or said.startswith(f"error: unknown way to keep '{keep}'")


def test_no_row_has_the_column(tmp_path: Path) -> None:
    from toolkit.core.errors import UsageError

    with pytest.raises(UsageError, match="has a value in 'at'"):
        _told([{"text": TEXT}, {"text": f"{TEXT} now"}], tmp_path, keep="newest:at")


def test_preference_is_the_same_in_any_order(tmp_path: Path) -> None:
    rows = [{"id": str(at), "text": f"{TEXT} {'so ' * (at % 4)}{at % 3}", "score": at % 5} for at in range(40)]
    for keep in ("longest", "best:score"):
        kept: list[set[str]] = []
        for order in (np.arange(40), np.random.default_rng(3).permutation(40)):
            told = _told([rows[at] for at in order], tmp_path / f"{keep[:4]}{len(kept)}", keep=keep)
            kept.append({evidence["kept"] for _, evidence in told.values() if "kept" in evidence})
        texts = [{rows[int(at)]["text"] for at in one} for one in kept]
        assert texts[0] == texts[1]


def test_letters_that_only_look_latin_are_compared_as_latin_ones_and_never_called_exact(tmp_path: Path) -> None:
    masked = TEXT.replace("a", "\u0430").replace("e", "\u0435")
    plain = "\u043f\u043e\u0434\u043f\u0438\u0441\u043a\u0430 \u043d\u0430 \u0433\u0430\u0437\u0435\u0442\u0443"
    rows = [{"text": TEXT}, {"text": masked}, {"text": masked}, {"text": plain}]
    found = [each for each in look("near-duplicate", freeze(rows, tmp_path / "rows")) if isinstance(each, Findings)]
    kinds = {tuple(sorted(pair)): f.kind for f in found for pair in zip(f.row.tolist(), f.other.tolist(), strict=True)}  # type: ignore[union-attr]
    assert kinds == {(0, 1): "near", (0, 2): "near", (1, 2): "exact"}
    told = _told(rows, tmp_path / "again")
    assert all(evidence["folded"] for _, evidence in told.values())
