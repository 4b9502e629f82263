"""Whole runs of a recipe against a model server that repeats, breaks, throttles and mislabels."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fault_server import Faults, FaultServer, serving
from tests.generate.scripted import rows_of
from toolkit.core.errors import ProviderError, UsageError
from toolkit.core.text import mask_numbers, normal_text
from toolkit.generate import GenerateResult, load, prepare

RECIPE = """
version: 1
task: classification
target: {{rows: {rows}, max_candidates: 3000}}
labels: {{refund: wants money back, track: asks where the parcel is}}
strategy: {{per_call: 5}}
model: {{use: "{use}", base_url: "{url}", deadline_s: 5, batch: {batch}, price: {{input: 1, output: 10, batch: 0.5}}}}
budget: {budget}
avoid: {avoid}
out: {{dir: runs/served}}
"""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-" + "test-0123456789")


def generated(server: FaultServer, use: str = "openai:m", **told: Any) -> GenerateResult:
    url = server.url + ("/v1" if use.startswith("openai") else "")
    words = {"rows": 300, "use": use, "url": url, "batch": "false", "budget": "{usd: 5}", "avoid": "[]", **told}
    Path("served.yaml").write_text(RECIPE.format(**words))
    return prepare(load(Path("served.yaml"))).run()


@pytest.mark.parametrize("use", ["openai:m", "anthropic:m"])
def test_a_server_of_every_fault_still_gives_exactly_the_target(use: str) -> None:
    leaks = [f"refund please for parcel {word} of last week" for word in ("amber", "birch", "cedar", "delta")]
    Path("heldout.jsonl").write_text("".join(json.dumps({"text": each, "label": "refund"}) + "\n" for each in leaks))
    content = {"duplicates": 0.5, "broken_json": 0.1, "mislabelled": 0.1, "leaking": 0.1, "leaks": leaks}
    faults = Faults(throttled=0.05, failing=0.02, reset=0.02, retry_after_s=0.01, **content)  # type: ignore[arg-type]
    with serving(faults) as server:
        found = generated(server, use, avoid="[heldout.jsonl]")
        assert found.complete, found.stops
        rows = rows_of(found.folder)
        assert found.labels() == {"refund": 150, "track": 150}
        assert len({mask_numbers(normal_text(row["text"])) for row in rows}) == 300
        assert all(row["text"].split()[0] == row["label"] for row in rows)
        assert all(row["lineage"]["source_kind"] == "llm" for row in rows)
        refused = {step.gate: step.refused for step in found.waterfall}
        assert refused["label"] > 0
        turned_away = [json.loads(line) for line in (found.folder / "rejected.jsonl").read_text().splitlines()]
        assert sum("heldout.jsonl" in each["reason"] for each in turned_away) > 10
        assert not {row["text"] for row in rows} & set(leaks)
        assert found.cost_usd is not None
        billed = (server.served.tokens_in + 10 * server.served.tokens_out) / 1e6
        assert billed - 1e-9 <= found.cost_usd <= 5
        before = sum(server.served.statuses.values())
        assert generated(server, use, avoid="[heldout.jsonl]").rows.read_bytes() == found.rows.read_bytes()
        assert sum(server.served.statuses.values()) == before


def test_batches_give_the_same_promise_for_less() -> None:
    with serving(Faults(duplicates=0.3, mislabelled=0.05, batch_s=0.05)) as server:
        found = generated(server, "anthropic:m", rows=60, batch="true")
        assert found.complete, found.stops
        assert server.batches
        assert {event["custom_id"] for batch in server.batches.values() for event in batch["of"]}
        full = (server.served.tokens_in + 10 * server.served.tokens_out) / 1e6
        assert found.cost_usd == pytest.approx(full / 2)


def test_a_budget_that_runs_out_stops_the_run_and_more_money_goes_on() -> None:
    with serving() as server:
        found = generated(server, budget="{usd: 0.04}")
        assert not found.complete
        assert re.search(r"the budget is spent: .* of \$0\.04, and one more request may cost \$0\.02", found.stops[0])
        assert found.cost_usd is not None
        assert found.cost_usd <= 0.04
        again = generated(server, budget="{usd: 5}")
        assert again.complete
        # Five rows a request: what was bought before the money ran out is not bought again.
        assert sum(server.served.billed.values()) == 60


def test_dollars_without_a_price_are_refused_before_anything_is_sent() -> None:
    recipe = RECIPE.replace("price: {{input: 1, output: 10, batch: 0.5}}", "attempts: 2")
    Path("served.yaml").write_text(
        recipe.format(
            rows=10, use="openai:m", url="http://127.0.0.1:9/v1", batch="false", budget="{usd: 5}", avoid="[]"
        )
    )
    with pytest.raises(UsageError, match="price of openai:m is not known"):
        load(Path("served.yaml"))
    Path("served.yaml").write_text(
        recipe.format(
            rows=10, use="openai:m", url="http://127.0.0.1:9/v1", batch="false", budget="{tokens: 90000}", avoid="[]"
        )
    )
    with pytest.raises(ProviderError, match="cannot be reached"):
        prepare(load(Path("served.yaml"))).run()


def test_the_journal_says_what_was_set_aside_and_what_was_paid() -> None:
    with serving() as server:
        found = generated(server, rows=10)
        events = [json.loads(line) for line in (found.folder / "journal.jsonl").read_text().splitlines()]
        sent = [event for event in events if event["e"] == "sent"]
        replies = [event for event in events if event["e"] == "reply"]
        assert all(event["usd"] > 0 and event["tokens"] > 0 for event in sent)
        assert sum(event["usd"] for event in replies) == pytest.approx(found.cost_usd)


def test_ctrl_c_shows_what_was_made_and_exits_130() -> None:
    with serving(Faults(latency_s=0.05)) as server:
        words = {"rows": 3000, "use": "openai:m", "url": f"{server.url}/v1", "batch": "false", "avoid": "[]"}
        Path("served.yaml").write_text(RECIPE.format(**words, budget="{usd: 5}"))
        command = [sys.executable, "-m", "toolkit", "generate", "served.yaml", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while server.served.statuses[200] < 40 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    told = json.loads(out)
    assert 0 < told["accepted"] < 3000
    assert told["stops"] == ["stopped by SIGINT"]
    assert "error: stopped\ntry: run the same command again" in err
