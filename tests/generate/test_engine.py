"""The engine against providers that repeat, mislabel, break, stall and die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generate.scripted import Scripted, recipe, rows_of, run_of, texts
from toolkit.core.errors import MachineError, ProviderError, UsageError
from toolkit.core.request import Request, Retry
from toolkit.core.share import shipped
from toolkit.core.text import mask_numbers, normal_text
from toolkit.generate import GenerateResult, generate
from toolkit.renderers.generation import generated
from toolkit.store.folder import RunFolder
from toolkit.store.journal import events


def adds_up(found: GenerateResult) -> None:
    """Every row that was asked for is in exactly one place."""
    rejected = rows_of(found.folder, "rejected.jsonl")
    dead = sum(row["rows"] for row in rejected if row["gate"] == "dead")
    refused = sum(1 for row in rejected if row["gate"] != "dead")
    assert (found.accepted, found.rejected, found.dead) == (len(rows_of(found.folder)), refused, dead)
    assert found.candidates == sum(state.candidates for state in found.cells)
    assert found.waterfall[0].reached - sum(step.refused for step in found.waterfall) == found.accepted


def test_a_provider_that_behaves_gives_the_target_in_as_many_rows() -> None:
    found = run_of(Scripted(texts)).run()
    assert found.complete
    assert found.labels() == {"refund": 10, "track": 10}
    assert found.candidates == 20
    assert found.stops == ()
    adds_up(found)


def test_half_duplicates_broken_json_wrong_labels_and_refusals_still_give_exactly_the_target() -> None:
    def serve(request: Request, rng: Random) -> Any:
        if rng.random() < 0.1:
            return '["cut off in the mid'
        if rng.random() < 0.05:
            return Retry("429", after_s=0.001, throttled=True)
        made = json.loads(texts(request, rng, 150 if rng.random() < 0.5 else 10**9))
        wrong = {"text": f"mislabelled {rng.random()}", "label": "track"}
        return json.dumps([wrong if rng.random() < 0.1 else each for each in made])

    provider = Scripted(serve)
    found = run_of(provider, target={"rows": 300, "max_candidates": 3000}).run()
    assert found.complete
    assert found.labels() == {"refund": 150, "track": 150}
    seen = [mask_numbers(normal_text(row["text"])) for row in rows_of(found.folder)]
    assert len(set(seen)) == 300
    refused = {step.gate: step.refused for step in found.waterfall}
    assert refused["dedupe"] > 0
    assert refused["label"] > 0
    assert all("mislabelled" not in row["text"] for row in rows_of(found.folder) if row["label"] == "refund")
    adds_up(found)


def test_the_result_does_not_hang_on_which_reply_came_first() -> None:
    files = []
    for concurrency, delay_s in ((1, 0.0), (8, 0.004), (8, 0.009)):
        provider = Scripted(lambda request, rng: texts(request, Random(request.key()), 40), delay_s)
        found = run_of(
            provider,
            f"runs/{concurrency}-{delay_s}",
            target={"rows": 60, "max_candidates": 900},
            model={"use": "procedural", "concurrency": concurrency},
        ).run()
        names = ("rows.jsonl", "rejected.jsonl", "generation.json")
        files.append([(found.folder / name).read_bytes() for name in names])
    assert files[0] == files[1] == files[2]


def test_no_more_requests_in_the_air_than_asked_for() -> None:
    provider = Scripted(texts, 0.002)
    run_of(provider, target={"rows": 200}, model={"use": "procedural", "concurrency": 5}).run()
    assert 2 <= provider.busiest <= 5


def test_a_row_says_where_it_comes_from() -> None:
    found = run_of(Scripted(texts), licence="ours").run()
    lineage = rows_of(found.folder)[0]["lineage"]
    assert lineage["source_kind"] == "llm"
    assert lineage["provider"] == "scripted"
    assert lineage["licence"] == "ours"
    assert len(lineage["prompt_sha256"]) == 64
    keys = {event["key"][:16] for event in events(found.folder / "journal.jsonl") if event["e"] == "reply"}
    assert lineage["request"] in keys


def test_a_reply_that_never_is_json_is_asked_for_three_times_and_counted_dead() -> None:
    provider = Scripted(lambda request, rng: "I would rather not.")
    found = run_of(provider, target={"rows": 4, "max_candidates": 8}).run()
    assert found.accepted == 0
    assert found.dead == found.candidates == 8
    assert [stop.partition(" reached")[0] for stop in found.stops] == ["max_candidates (8)"]
    assert found.losses[0].reason == "the reply holds no JSON list; it begins: I would rather not."
    assert len(provider.asked) == found.requests == 3 * len(rows_of(found.folder, "rejected.jsonl"))
    dead = rows_of(found.folder, "rejected.jsonl")[0]
    assert dead["raw"] == "I would rather not."
    assert "holds no JSON list" in dead["reason"]
    adds_up(found)


def test_a_run_that_gives_nothing_good_ends_early_and_tells_the_commonest_reason() -> None:
    """No cell of it is large enough to be told from bad luck by itself."""
    tones = [f"tone {nth}" for nth in range(30)]
    for answer, least, reason in (
        ("I would rather not.", 96, "dead, 1"),
        ('["the same", "the same", "the same", "the same"]', 192, "dedupe, 1"),
    ):
        provider = Scripted(lambda request, rng, answer=answer: answer)
        told = {"model": {"use": "procedural", "concurrency": 2}, "target": {"rows": 600}, "vary": {"tone": tones}}
        found = run_of(provider, f"runs/{least}", **told).run()
        assert found.accepted <= 1
        assert least <= found.candidates < least + 60
        assert "candidates were good" in found.stops[0]
        assert reason in generated(found)
        adds_up(found)
        assert len(run_of(provider, f"runs/{least}", **told).run().stops) == 1


def test_one_bad_item_costs_one_row() -> None:
    provider = Scripted(lambda request, rng: json.dumps([*json.loads(texts(request, rng))[:-1], {"x": 1}]))
    found = run_of(provider, target={"rows": 12, "max_candidates": 100}).run()
    assert found.complete
    assert {step.gate for step in found.waterfall if step.refused} >= {"schema"}
    adds_up(found)


def test_a_short_reply_leaves_the_missing_rows_dead_and_a_long_one_is_used() -> None:
    def serve(request: Request, rng: Random) -> str:
        made = json.loads(texts(request, rng)) + json.loads(texts(request, rng))
        return json.dumps(made[: rng.choice((1, len(made)))])

    found = run_of(Scripted(serve), target={"rows": 40, "max_candidates": 900}).run()
    assert found.complete
    assert found.dead > 0
    adds_up(found)


def test_a_stalled_reply_costs_its_deadline_and_is_asked_for_again() -> None:
    stalled: set[str] = set()

    def serve(request: Request, rng: Random) -> Any:
        first = request.key() not in stalled
        stalled.add(request.key())
        return 30.0 if first and len(stalled) <= 2 else texts(request, rng)

    start = time.monotonic()
    found = run_of(Scripted(serve), model={"use": "procedural", "deadline_s": 0.2}).run()
    assert found.complete
    assert time.monotonic() - start < 3


def test_a_request_that_fails_too_often_is_dead_and_the_run_goes_on() -> None:
    unlucky: list[str] = []

    def serve(request: Request, rng: Random) -> Any:
        if not unlucky or request.key() in unlucky:
            unlucky[:] = [request.key()]
            return Retry("500", after_s=0.0)
        return texts(request, rng)

    provider = Scripted(serve)
    found = run_of(provider, target={"rows": 16}).run()
    assert found.complete
    assert found.dead == 4
    assert provider.asked.count(unlucky[0]) == 3
    adds_up(found)


def test_a_provider_that_cannot_serve_stops_the_run_and_keeps_what_came() -> None:
    def serve(request: Request, rng: Random) -> Any:
        return (
            ProviderError("the key is wrong", "set another one")
            if "track" in request.seed.cell.label
            else texts(request, rng)
        )

    provider = Scripted(serve, 0.002)
    with pytest.raises(ProviderError, match="the key is wrong"):
        run_of(provider).run()
    replies = [event["key"] for event in events(Path("runs/scripted/journal.jsonl")) if event["e"] == "reply"]
    assert sorted(replies) == sorted(provider.served)
    well = Scripted(texts)
    assert run_of(well).run().complete
    assert not set(well.asked) & set(replies)


def test_a_bug_in_a_provider_is_named_and_not_swallowed() -> None:
    provider = Scripted(lambda request, rng: ZeroDivisionError("oh"))
    with pytest.raises(ProviderError, match="scripted broke: ZeroDivisionError: oh"):
        run_of(provider).run()


def test_a_bug_in_a_recipe_costs_a_request_and_not_the_run() -> None:
    from dataclasses import dataclass, replace

    from toolkit.generate import prepare
    from toolkit.recipes.classification import Classification

    @dataclass(frozen=True)
    class Careless(Classification):
        def cook(self, seed: Any) -> Any:
            rows = yield from super().cook(seed)
            if seed.cell.label == "track" and seed.sample == 0:
                raise KeyError("gold")
            return rows

    provider = Scripted(texts)
    loaded = replace(recipe(provider, out={"dir": "runs/x"}), recipe=Careless({"refund": "", "track": ""}))
    found = prepare(loaded).run()
    assert found.complete
    assert found.dead == 4
    assert "KeyError" in next(row["reason"] for row in rows_of(found.folder, "rejected.jsonl"))


def test_a_collapsed_cell_stops_with_its_name_and_gate_and_others_go_on() -> None:
    def serve(request: Request, rng: Random) -> str:
        if request.seed.cell.label == "track":
            return json.dumps(["the same old text"] * request.seed.rows)
        return texts(request, rng)

    found = run_of(Scripted(serve), target={"rows": 200}).run()
    assert found.labels() == {"refund": 100, "track": 1}
    assert not found.complete
    assert "label 'track' is 99 short" in found.stops[0]
    assert "gate dedupe" in found.stops[0]
    adds_up(found)


def test_a_closed_cell_gives_its_quota_to_other_cells_of_its_label() -> None:
    def serve(request: Request, rng: Random) -> str:
        if dict(request.seed.cell.attributes)["tone"] == "curt":
            return json.dumps([f"no {request.seed.cell.label}"] * request.seed.rows)
        return texts(request, rng)

    found = run_of(
        Scripted(serve), target={"rows": 120, "max_candidates": 2000}, vary={"tone": ["curt", "polite"]}
    ).run()
    assert found.complete
    assert found.labels() == {"refund": 60, "track": 60}
    assert {state.cell.values()["tone"] for state in found.cells if state.closed} == {"curt"}


def test_weights_decide_the_shares_of_labels_and_cells() -> None:
    target = {"rows": 100, "per_label": {"refund": 3, "track": 1}}
    found = run_of(Scripted(texts), target=target, vary={"length": {"short": 4, "long": 1}}).run()
    assert found.labels() == {"refund": 75, "track": 25}
    assert [state.accepted for state in found.cells] == [60, 15, 20, 5]


def test_seeds_are_shown_and_neither_they_nor_the_texts_to_avoid_come_out() -> None:
    Path("seeds.jsonl").write_text(
        '{"text": "Refund me 12 now", "label": "refund"}\n{"text": "Where is it", "label": "track"}\n'
    )
    Path("heldout.csv").write_text("text,label\nleaked text one,refund\n")
    repeats = ["refund me  7 NOW", "Leaked text one", "where is it"]

    def serve(request: Request, rng: Random) -> str:
        return json.dumps([repeats[request.seed.sample % 3], *json.loads(texts(request, rng))])

    provider = Scripted(serve)
    found = run_of(provider, seeds={"path": "seeds.jsonl"}, avoid=["heldout.csv"]).run()
    assert found.complete
    assert not {normal_text(row["text"]) for row in rows_of(found.folder)} & {normal_text(each) for each in repeats}
    reasons = Counter(row["reason"] for row in rows_of(found.folder, "rejected.jsonl") if row["gate"] == "dedupe")
    assert any("seeds.jsonl" in reason for reason in reasons)
    assert any("heldout.csv" in reason for reason in reasons)
    assert any("Refund me 12 now" in prompt for prompt in provider.prompts)


def test_a_seed_with_a_label_that_the_recipe_lacks_is_an_error() -> None:
    Path("seeds.jsonl").write_text('{"text": "Refund me", "label": "refnd"}\n')
    with pytest.raises(UsageError, match="has the label 'refnd'"):
        run_of(Scripted(texts), seeds={"path": "seeds.jsonl"}).run()


def test_a_budget_of_requests_is_never_passed_over_resumptions() -> None:
    for _ in range(3):
        provider = Scripted(texts)
        found = run_of(provider, target={"rows": 96}, budget={"requests": 7}).run()
        assert found.requests == 7
        assert "budget.requests (7) is spent" in found.stops[0]
    assert provider.asked == []
    assert found.accepted == 28
    adds_up(found)


def test_resuming_asks_for_nothing_that_was_answered() -> None:
    run_of(Scripted(texts), target={"rows": 96}, budget={"requests": 9}).run()
    provider = Scripted(texts)
    found = run_of(provider, target={"rows": 96}).run()
    assert found.complete
    assert len(provider.asked) == 24 - 9
    again = Scripted(texts)
    before = found.rows.read_bytes(), (found.folder / "journal.jsonl").read_bytes()
    assert run_of(again, target={"rows": 96}).run().complete
    assert again.asked == []
    assert before == (found.rows.read_bytes(), (found.folder / "journal.jsonl").read_bytes())


def test_more_rows_than_before_keeps_what_was_bought() -> None:
    run_of(Scripted(texts), target={"rows": 40}).run()
    provider = Scripted(texts)
    assert run_of(provider, target={"rows": 80}).run().complete
    assert len(provider.asked) == 10


def test_fresh_begins_anew_and_keeps_the_old_journal() -> None:
    found = run_of(Scripted(texts)).run()
    old = (found.folder / "journal.jsonl").read_bytes()
    provider = Scripted(texts)
    found = run_of(provider).run(fresh=True)
    assert len(provider.asked) == 6
    assert (found.folder / "journal-1.jsonl").read_bytes() == old
    assert found.notes == ("the earlier journal is kept as journal-1.jsonl",)


def test_a_changed_recipe_is_refused_and_the_old_rows_stay() -> None:
    found = run_of(Scripted(texts)).run()
    before = found.rows.read_bytes()
    with pytest.raises(UsageError, match="the recipe has changed") as caught:
        run_of(Scripted(texts), strategy={"per_call": 2}).run()
    assert "toolkit rejudge runs/scripted" in caught.value.fix
    assert found.rows.read_bytes() == before


def test_a_licence_that_is_added_later_is_written_into_rows_that_were_bought_before() -> None:
    run_of(Scripted(texts)).run()
    provider = Scripted(texts)
    found = run_of(provider, licence="CC0-1.0", name="other").run()
    assert provider.asked == []
    assert {row["lineage"]["licence"] for row in rows_of(found.folder)} == {"CC0-1.0"}


def test_a_journal_cut_at_any_byte_of_its_tail_gives_the_same_rows() -> None:
    """The journal of a whole run is cut at every byte of its last lines and here and there before, then resumed."""
    found = run_of(Scripted(lambda request, rng: texts(request, Random(request.key())))).run()
    journal, expected = found.folder / "journal.jsonl", found.rows.read_bytes()
    whole = journal.read_bytes()
    answered = {event["key"] for event in events(journal) if event["e"] == "reply"}
    for size in (*range(0, len(whole) - 240, 29), *range(len(whole) - 240, len(whole))):
        journal.write_bytes(whole[:size])
        kept = {event["key"] for event in events(journal) if event["e"] == "reply"}
        provider = Scripted(lambda request, rng: texts(request, Random(request.key())))
        again = run_of(provider).run()
        assert again.rows.read_bytes() == expected
        assert set(provider.asked) == answered - kept
        assert len(provider.asked) == len(set(provider.asked))


def test_two_runs_in_one_folder_are_an_error_of_two_lines() -> None:
    with RunFolder(Path("runs/scripted")).locked(), pytest.raises(UsageError) as caught:
        run_of(Scripted(texts)).run()
    assert "runs/scripted" in caught.value.what
    assert caught.value.fix


def test_a_folder_that_cannot_be_written_is_an_error_of_two_lines(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError):
        run_of(Scripted(texts), str(tmp_path / "file" / "run")).run()


FULL = """
import resource, sys
from toolkit.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
sys.exit(main(["generate", sys.argv[1], "--rows", "200", "--out", "runs/full"]))
"""


def test_a_full_disk_is_an_error_of_two_lines_and_the_run_goes_on_after() -> None:
    """A limit on the size of files stands in for the disk: writes come up short, then fail."""
    recipe_file = str(shipped("pipelines") / "recipes" / "questions.yaml")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", FULL, recipe_file], capture_output=True, text=True, env=here)
    assert done.returncode == 3
    error, fix = done.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert fix.startswith("try: ")
    assert not Path("runs/full/rows.jsonl").exists()
    kept = sum(event["e"] == "reply" for event in events(Path("runs/full/journal.jsonl")))
    found = generate(recipe_file, rows=200, out="runs/full")
    assert found.complete
    assert kept >= 1
    clean = generate(recipe_file, rows=200, out="runs/clean")
    assert found.rows.read_bytes() == clean.rows.read_bytes()
    assert found.requests <= clean.requests + 1


def test_it_runs_where_a_loop_is_running_already() -> None:
    import asyncio

    async def notebook() -> GenerateResult:
        return run_of(Scripted(texts)).run()

    assert asyncio.run(notebook()).complete


PROGRAM = """
import sys, json
from random import Random
from pathlib import Path
from tests.generate.scripted import Scripted, run_of, texts
from toolkit.cli import main
import toolkit.core.errors

sent = open("sent.txt", "a", buffering=1)

class Slow(Scripted):
    async def complete(self, request):
        reply = await super().complete(request)
        sent.write(request.key() + "\\n")
        return reply

provider = Slow(lambda request, rng: texts(request, Random(request.key()), 500), 0.02)
found = run_of(provider, target={"rows": 160, "max_candidates": 4000}).run()
print(found.accepted, found.stops)
"""


def _start() -> subprocess.Popen[str]:
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=here)


def _wait_for_replies(count: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    sent = Path("sent.txt")
    while process.poll() is None and time.monotonic() < end:
        if sent.exists() and len(sent.read_text().splitlines()) >= count:
            return
        time.sleep(0.005)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_or_stopped_and_run_again_it_pays_at_most_for_what_was_in_the_air(how: signal.Signals) -> None:
    with _start() as process:
        process.communicate()
    expected = Path("runs/scripted/rows.jsonl").read_bytes()
    Path("runs").rename("whole")
    Path("sent.txt").unlink()
    for replies in (3, 11, 29):
        process = _start()
        _wait_for_replies(replies, process)
        process.send_signal(how)
        process.communicate(timeout=20)
    process = _start()
    assert process.communicate(timeout=30)[0].startswith("160")
    assert Path("runs/scripted/rows.jsonl").read_bytes() == expected
    twice = Counter(Path("sent.txt").read_text().split())
    paid_twice = sum(count - 1 for count in twice.values())
    # A drain loses nothing; each of the three kills may lose the eight requests that were in the air.
    assert paid_twice <= (3 * 8 if how == signal.SIGKILL else 0)


def test_a_drain_lands_what_is_in_the_air_and_says_why_it_stopped() -> None:
    provider = Scripted(texts, 0.02)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    found = run_of(provider, target={"rows": 4000}).run()
    timer.join()
    assert found.stops == ("stopped by SIGTERM",)
    assert 0 < found.accepted < 4000
    replies = [event["key"] for event in events(found.folder / "journal.jsonl") if event["e"] == "reply"]
    assert sorted(replies) == sorted(provider.served)
    adds_up(found)
