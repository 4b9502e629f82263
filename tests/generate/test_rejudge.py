"""Stored replies judged again: the same gates give the same bytes, other gates decide anew, nothing is asked."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generate.scripted import Scripted, rows_of, run_of, texts
from toolkit.cli import main
from toolkit.core.request import Request


def few(request: Request, rng: Random) -> str:
    """Texts of which many come twice, and a reply in six that is no list."""
    return "no list" if rng.random() < 0.15 else texts(request, rng, span=25)


def test_the_same_gates_give_the_same_rows_and_ask_nothing() -> None:
    provider = Scripted(few)
    found = run_of(provider).run()
    before, asked = found.rows.read_bytes(), len(provider.asked)
    again = run_of(provider).rejudge()
    assert found.complete
    assert again.complete
    assert found.rejected
    assert again.rows.read_bytes() == before
    assert again.waterfall == found.waterfall
    assert len(provider.asked) == asked


def test_stricter_gates_refuse_stored_rows_and_a_run_goes_on_by_them() -> None:
    provider = Scripted(texts)
    run_of(provider).run()
    asked = list(provider.asked)
    Path("own.py").write_text("def no_a(row):\n    return not row['text'].endswith('a')\n")
    strict: Any = {"check": ["schema", "label", "dedupe", {"python": "own.py:no_a"}]}
    found = run_of(provider, **strict).rejudge()
    assert provider.asked == asked
    assert not found.complete
    assert any(step.gate == "python" and step.refused for step in found.waterfall)
    assert any("nothing more was bought" in reason for reason in found.stops)
    whole = run_of(provider, **strict).run()
    assert whole.complete
    assert not set(asked) & set(provider.asked[len(asked) :])
    assert all(not row["text"].endswith("a") for row in rows_of(whole.folder))


def test_the_command_reads_the_recipe_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "sql"]) == 0
    assert main(["generate", "sql/recipe.yaml", "--rows", "12"]) == 0
    rows = Path("runs/sql/rows.jsonl").read_bytes()
    capsys.readouterr()
    assert main(["rejudge", "sql", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 12
    assert Path("runs/sql/rows.jsonl").read_bytes() == rows
    Path("sql/recipe.yaml").rename("moved.yaml")
    assert main(["rejudge", "sql"]) == 2
    assert "--recipe FILE" in capsys.readouterr().err


def test_a_run_whose_target_grew_is_judged_again_in_full() -> None:
    provider = Scripted(texts)
    run_of(provider, target={"rows": 13}).run()
    found = run_of(provider, target={"rows": 38}).run()
    again = run_of(provider, target={"rows": 38}).rejudge()
    assert found.complete
    assert again.accepted == found.accepted
