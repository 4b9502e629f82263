"""What `toolkit init` writes runs as it stands: with a model that answers, or offline where the task can."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.generate.answers import answer
from tests.generate.scripted import Scripted
from toolkit.cli import main
from toolkit.core import parts
from toolkit.core.request import Request
from toolkit.generate import load, prepare

TASKS = sorted(parts.parts("recipes"))


def steady(request: Request, rng: Random) -> str:
    return answer(request, Random(request.key()))


@pytest.mark.parametrize("task", TASKS)
def test_a_recipe_of_init_makes_its_rows_as_it_stands(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", task, "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["files"]
    assert written[0] == f"{task}/recipe.yaml"
    assert len(Path(task, "seeds.jsonl").read_text(encoding="utf-8").splitlines()) == 20
    loaded = load(Path(written[0]), rows=8)
    if loaded.provider.reads_prompt:
        loaded = replace(loaded, provider=Scripted(steady))
    found = prepare(loaded).run()
    assert found.complete, (found.stops, found.waterfall)


def test_nothing_is_overwritten_and_an_unknown_task_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/seeds.jsonl").write_text("mine")
    assert main(["init", "sql", "--out", "mine"]) == 2
    assert "mine/seeds.jsonl is there already" in capsys.readouterr().err
    assert [each.name for each in Path("mine").iterdir()] == ["seeds.jsonl"]
    assert main(["init", "slq"]) == 2
    assert "did you mean 'sql'?" in capsys.readouterr().err.lower().replace("‘", "'")
