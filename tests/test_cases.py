"""Every check against its case file: rows that must be found and rows that must stay silent, each with why.

A line of `cases/<check>.jsonl` is one small data set: `why`; `rows` (an object is a row, a string a
raw line); `find`, the (row, kind) pairs that must be found and nothing else; or `status` with what
the check must say instead. `options`, `format`, `reference`, `train`, `usage` and `memo` (what other parts left for
the check) where they matter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.looking import NotApplicable, Skip, found, freeze, look
from toolkit.core import parts

CUT = "@@"  # cuts what would look like a credential to whoever scans the repository
CASES = Path(__file__).parent / "cases"


def _cases() -> list[Any]:
    listed = []
    for file in sorted(CASES.glob("*.jsonl")):
        for at, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                case = json.loads(line.replace(CUT, "").replace("$TESTS", CASES.parent.as_posix()))
                listed.append(pytest.param(file.stem, case, id=f"{file.stem}-{at}"))
    return listed


@pytest.mark.parametrize(("check", "case"), _cases())
def test_case(check: str, case: dict[str, Any], tmp_path: Path, encoder: Any) -> None:
    data = freeze(case["rows"], tmp_path / "rows", format=case.get("format", ""))
    named = [name for name in ("reference", "train") if name in case]
    references = [(name, freeze(case[name], tmp_path / name), None) for name in named]
    arguments = {"options": case.get("options"), "references": references, "encode": encoder, "memo": case.get("memo")}
    if "usage" in case:
        arguments["usage"] = freeze(case["usage"], tmp_path / "usage")
    if "status" in case:
        with pytest.raises((Skip, NotApplicable)) as said:
            look(check, data, **arguments)
        assert case["status"] in ("skipped" if said.type is Skip else "not applicable", str(said.value))
        return
    seen = found(look(check, data, **arguments), case.get("floor", 0.5))
    assert seen == {(row, kind) for row, kind in case["find"]}, case["why"]


def test_every_check_has_cases() -> None:
    missing = set(parts.parts("checks")) - {file.stem for file in CASES.glob("*.jsonl")}
    assert not missing, f"no case file for {sorted(missing)}"


@pytest.mark.parametrize("check", sorted(parts.parts("checks")))
def test_cases_find_and_stay_silent(check: str) -> None:
    """A case file shows both sides: something found, and something like it that is fine."""
    lines = (CASES / f"{check}.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines if line.strip()]
    assert any(case.get("find") for case in cases)
    assert any(not case.get("find") for case in cases)
