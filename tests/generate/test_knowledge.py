"""Facts that a recipe teaches are told before it is run and after, with the way to retrieval; behaviour is not."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generate.scripted import Scripted, recipe, run_of
from toolkit.cli import main
from toolkit.core.request import Request
from toolkit.core.share import shipped
from toolkit.generate import load
from toolkit.generate.knowledge import facts, foreseen

OPTIONS: dict[str, Any] = {"task": "instruction", "labels": {"tell": "answer a question"}}


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("Der Basistarif kostet 19,99 € im Monat.", ["prices"]),
        ("The fee is CHF 20.", ["prices"]),
        ("Wir haben von 9 bis 17 Uhr geöffnet.", ["opening hours"]),
        ("Open 9am to 5pm daily.", ["opening hours"]),
        ("Abierto de 9 a 14 h.", ["opening hours"]),
        ("Use GET /users since version 2.3.", ["versions", "endpoints"]),
        ("Call 0800 123 4567.", ["phone numbers"]),
        ("It ends on 31.12.2025.", ["dates"]),
        ("Monday, we sleep in. Doors at ten, coffee at ten past.", []),
        ("Bake it for 40-45 minutes at 220 degrees, then let it rest for 3-4 h.", []),
        ("She was born in March and moved in 1990.", []),
        ("In step 2.1 you choose the menu.", []),
    ],
)
def test_what_goes_out_of_date(answer: str, kinds: list[str]) -> None:
    assert facts(answer) == kinds
    assert facts(answer, f"{answer} Is that so?") == []


@pytest.mark.parametrize(
    ("task", "label", "told"),
    [
        ("instruction", "Preise: was welcher Tarif kostet", 1),
        ("chat", "opening_hours: when a branch is open", 1),
        ("instruction", "reply: answer a question of a customer", 0),
        ("classification", "prices: asks what it costs", 0),
    ],
)
def test_a_label_that_is_about_facts_is_told(task: str, label: str, told: int) -> None:
    found = list(foreseen(recipe(task=task, labels=dict([label.split(": ")]))))
    assert len(found) == told
    assert all("retrieve them" in each for each in found)


def test_the_shipped_recipes_teach_behaviour() -> None:
    for path in sorted((shipped("pipelines") / "starters").glob("*/recipe.yaml")):
        assert list(foreseen(load(path))) == []


def test_seeds_and_rows_that_state_facts_are_told() -> None:
    plans = [
        {"prompt": f"What is plan {name}?", "completion": f"It costs {nth} euros."} for nth, name in enumerate("abcdef")
    ]
    Path("plans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in plans))
    assert "6 of 6 rows of your seeds state facts (prices in 6)" in next(
        foreseen(recipe(**OPTIONS, seeds={"path": "plans.jsonl"}))
    )

    def serve(request: Request, rng: Random) -> str:
        return json.dumps(
            [{"prompt": f"What is {rng.random()}?", "completion": "It costs 5 euros, as always."}] * request.seed.rows
        )

    costly = run_of(Scripted(serve), **OPTIONS, check=[], target={"rows": 8}).run()
    assert "8 of 8 rows of rows.jsonl state facts" in costly.notes[-1]
    plain = run_of(
        Scripted(lambda *told: serve(*told).replace("5 euros", "much")),
        "runs/b",
        **OPTIONS,
        check=[],
        target={"rows": 8},
    )
    assert plain.run().notes == ()


def test_the_command_says_it_before_anything_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"version": 1, "task": "instruction", "labels": {"arithmetic": "prices of our plans"}, "target": {"rows": 1}}
    Path("facts.yaml").write_text(json.dumps({**told, "model": {"use": "procedural"}}))
    for command in ("preview", "estimate", "generate"):
        main([command, "facts.yaml"])
        assert "note: the label 'arithmetic' is about prices; facts go out of date" in capsys.readouterr().err
