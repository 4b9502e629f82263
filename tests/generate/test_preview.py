"""A few rows with every prompt; what was bought for them is not bought again."""

from __future__ import annotations

import json
from random import Random

import pytest

from tests.generate.scripted import Scripted, run_of, texts
from toolkit.cli import main
from toolkit.core.request import Request
from toolkit.generate.preview import preview
from toolkit.generate.status import status
from toolkit.renderers import trial


def test_every_prompt_and_every_verdict_is_shown() -> None:
    def serve(request: Request, rng: Random) -> str:
        return json.dumps([7, *json.loads(texts(request, rng))[1:]])

    found = preview(run_of(Scripted(serve)), 5)
    said = trial.previewed(found)
    assert found.shown == 5
    assert 'different texts of the class "' in said
    assert "-- system" in said
    assert "refused by schema: an item of the reply is no text" in said
    assert said.endswith("accepted; cost so far: $0.0000")


def test_a_run_of_the_same_recipe_begins_with_what_the_preview_bought() -> None:
    provider = Scripted(texts)
    preview(run_of(provider), 5)
    bought = list(provider.asked)
    found = run_of(provider).run()
    assert found.complete
    assert bought
    assert status(found.folder).accepted == found.accepted
    assert len(provider.asked) == len(set(provider.asked))
    preview(run_of(provider, labels={"refund": "", "track": "changed"}), 5)
    assert run_of(provider).run().complete


def test_rows_of_an_offline_recipe_are_of_different_cells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "sql", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len({each["cell"] for each in told["trials"]}) > 1
    assert sum(len(each["rows"]) for each in told["trials"]) == 5
    assert main(["preview", "none.yaml"]) == 2
