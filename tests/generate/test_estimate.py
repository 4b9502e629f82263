"""The cost of a whole run, foreseen by a pilot: it covers, it grows, and it is not paid twice."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from tests.fault_server import Faults, serving
from tests.generate.scripted import Scripted, recipe, run_of, texts
from toolkit.cli import main
from toolkit.core.request import Request
from toolkit.generate import prepare
from toolkit.generate.estimate import LEAST, _whole, estimate
from toolkit.renderers import trial
from toolkit.stats.saturation import Further
from toolkit.stats.total import total


@pytest.mark.parametrize(("share", "spread", "within"), [(0.9, 0.3, 0.25), (0.5, 0.5, 0.25), (0.2, 0.5, 0.5)])
def test_the_interval_covers_the_final_cost_of_nine_simulated_runs_in_ten(
    share: float, spread: float, within: float
) -> None:
    rng, hits, runs, wanted = np.random.default_rng(7), 0, 300, 500
    for _ in range(runs):
        made = rng.binomial(5, share, size=2000)
        costs = rng.lognormal(0, spread, size=2000)
        n = LEAST
        while (found := total(costs[:n].tolist(), made[:n].tolist(), wanted)) is None or found.half_width > within:
            n = int(n * 1.5) + 1
        final = costs[: int(np.searchsorted(np.cumsum(made), wanted)) + 1].sum()
        hits += found.low <= final <= found.high
    assert hits / runs >= 0.9


def test_a_pilot_grows_until_it_is_sharp_and_a_run_begins_with_it() -> None:
    def serve(request: Request, rng: Random) -> str:
        made = json.loads(texts(request, rng))
        return json.dumps([text if rng.random() < 0.6 else 7 for text in made])

    provider = Scripted(serve)
    wide = estimate(run_of(provider, target={"rows": 400}), within=0.5)
    narrow = estimate(run_of(provider, target={"rows": 400}), within=0.12, most=2000)
    assert wide.sharp
    assert narrow.sharp
    assert narrow.conversations > wide.conversations
    assert narrow.unit == "candidates"
    found = run_of(provider, target={"rows": 400}).run()
    assert found.complete
    assert len(provider.asked) == len(set(provider.asked))
    assert narrow.total is not None
    assert narrow.total.low <= found.candidates <= narrow.total.high
    assert "90 % interval" in trial.estimated(narrow)


def few(request: Request, rng: Random) -> str:
    """A model that has 150 answers to each prompt."""
    names = [f"{a}{b}" for a in "abcdefghijklmno" for b in "pqrstuvwxy"]
    return json.dumps([f"{request.seed.cell.name} {rng.choice(names)}" for _ in range(request.seed.rows)])


@pytest.mark.parametrize(("rows", "met"), [(200, True), (400, False)])
def test_answers_that_repeat_themselves_are_foreseen(rows: int, met: bool) -> None:
    target = {"rows": rows}
    found = estimate(run_of(Scripted(few), target=target))
    assert found.total is not None
    shown = trial.estimated(found)
    if met:
        assert found.met > 0.9
        assert "repeat themselves" not in shown
    else:
        assert found.met < 0.1
        assert 250 <= found.reach <= 350
        assert "repeat themselves" in shown
    whole = run_of(Scripted(few), target=target).run()
    assert whole.complete == met
    assert found.total.low <= whole.candidates <= found.total.high


def test_a_dear_reply_that_a_pilot_did_not_meet_is_in_the_interval() -> None:
    costs, draws = [1.0] * 40, [5] * 40
    more = Further(800, 800, 800, 1.0, 800)
    usual, endless = (_whole(costs, draws, more, 1000, worst) for worst in (1.0, 30.0))
    assert usual is not None
    assert endless is not None
    assert usual.expected == endless.expected == pytest.approx(200)
    assert usual.high == pytest.approx(200)
    assert endless.high == pytest.approx(200 + 160 * 29 / 82)


def test_no_accepted_row_is_no_estimate() -> None:
    found = estimate(run_of(Scripted(lambda request, rng: "no list"), target={"rows": 400}), most=40)
    assert found.total is None
    assert "no row was accepted" in trial.estimated(found)


def test_the_command_says_what_a_free_run_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "sql", "--rows", "80", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unit"] == "candidates"
    assert told["total"]["low"] <= told["total"]["expected"] <= told["total"]["high"]
    assert main(["estimate", "none.yaml"]) == 2


def test_the_estimate_in_dollars_is_what_the_server_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "test-0123456789")
    with serving(Faults(duplicates=0.2)) as server:
        told = {"use": "openai:m", "base_url": server.url + "/v1", "price": {"input": 1, "output": 10}}
        model = {**told, "concurrency": 8, "deadline_s": 5}
        prepared = prepare(recipe(target={"rows": 200}, model=model, budget={"usd": 5}, out={"dir": "runs/billed"}))
        found = estimate(prepared)
        assert found.unit == "usd"
        assert found.result.cost_usd is not None
        billed = (server.served.tokens_in + 10 * server.served.tokens_out) / 1e6
        assert found.result.cost_usd == pytest.approx(billed)
        assert found.total is not None
        assert found.total.low < 200 * billed / found.result.accepted < found.total.high
        assert found.total.per_row == pytest.approx(found.total.expected / 200)
        whole = prepared.run()
        assert whole.complete
        assert found.seconds
