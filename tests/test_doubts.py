"""A judge of doubtful pairs against a server that answers by a rule: the band, verdicts, the cap, resume, no key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault_server import Faults, FaultServer, serving
from toolkit.cli import main
from toolkit.core.request import Reply
from toolkit.doubts import BAND, verdict

ITEMS = [
    "Tom packs 14 boxes with 6 jars each and gives 9 jars away. How many jars are left?",
    "A train leaves Lyon at 8:40 and needs 95 minutes to Dijon. When does it arrive?",
    "Three sisters share 51 stamps so that the eldest gets 4 more than each other one. How many does she get?",
]
ROWS = [
    "Tom packs 14 crates of 6 jars and then gives 9 jars away. How many jars does he still have, KEY?",
    "Some train needs 95 minutes from Lyon to Dijon and leaves at 8:40. When will it be there?",
    "Three sisters share 51 stamps, and the eldest is given 4 more than both others. How many has she?",
    "Write a poem about rain on a tin roof.",
]
KEY = "sk-ant-" + "a1B2" * 8


class Ruled(FaultServer):
    """It takes two texts for the same where both speak of jars."""

    def reply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        told = {"reason": "jars", "same": body["messages"][-1]["content"].count("jars") >= 4}
        self.faults.text = json.dumps(told)
        return super().reply(path, body)


@contextmanager
def ruled() -> Iterator[FaultServer]:
    with serving(Faults()) as server:
        server.__class__ = Ruled
        yield server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    prices = {"version": 1, "models": {"openai:small": {"input": 1000.0, "output": 1.0}}}
    Path("prices.yaml").write_text(yaml.safe_dump(prices))
    monkeypatch.setenv("TOOLKIT_PRICES", str(tmp_path / "prices.yaml"))
    Path("rows.jsonl").write_text("".join(json.dumps({"text": row.replace("KEY", KEY)}) + "\n" for row in ROWS))
    Path("bench.jsonl").write_text("".join(json.dumps({"text": item}) + "\n" for item in ITEMS))


def run(capsys: Any, *more: str) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    """Exit code, what verify said, and the findings of the check."""
    options = ("--against", "bench.jsonl", "--check", "contamination", "--no-embeddings", "--json")
    code = main(["verify", "rows.jsonl", *options, *more])
    out, err = capsys.readouterr()
    assert out, err
    said = json.loads(out)
    assert main(["findings", "runs/rows", "--check", "contamination"]) == 0
    return code, said, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_only_pairs_in_the_band_are_asked_about_and_what_is_said_moves_the_score(capsys: Any) -> None:
    _, _, before = run(capsys)
    doubted = {each["id"]: each["score"] for each in before if BAND[0] <= each["score"] <= BAND[1]}
    assert len(doubted) >= 2, before
    with ruled() as server:
        url = ("--base-url", f"{server.url}/v1")
        _, said, after = run(capsys, "--judge", "openai:small", "--budget", "9", *url)
        asked = server.served.statuses[200]
        sent = json.dumps(server.served.bodies)
        _, again, _ = run(capsys, "--judge", "openai:small", "--budget", "9", *url)
        assert server.served.statuses[200] == asked, "nothing is asked twice"
    assert asked == len(doubted) == said["judge"]["pairs"]
    assert {**said["judge"], "cost_usd": 0} == {**again["judge"], "cost_usd": 0}
    assert 0 < said["judge"]["cost_usd"] < 9 and said["judge"]["stopped"] == ""
    assert KEY not in sent and "[SECRET:" in sent
    for each in after:
        if each["id"] not in doubted:
            assert "judged" not in each
            continue
        told = each["judged"]
        assert (told["by"], told["reason"]) == ("openai:small", "jars")
        assert told["score_before"] == pytest.approx(doubted[each["id"]], abs=1e-6)
        assert each["score"] > 0.9 if told["same"] else each["score"] < 0.1
    _, kept, still = run(capsys)
    assert still == after and "judge" not in kept, "what was judged stays until the check looks again"
    (note,) = kept["notes"]
    assert note.startswith(f"{asked} scores are as openai:small judged them"), "and that is said"
    _, fresh, _ = run(capsys, "--run", "runs/new")
    assert "notes" not in fresh


def test_a_budget_ends_it_with_what_there_is_and_the_same_command_goes_on(capsys: Any) -> None:
    with ruled() as server:
        told = ("--judge", "openai:small", "--base-url", f"{server.url}/v1")
        code, said, _ = run(capsys, *told, "--budget", "2.2")
        assert code == 1 and "budget" in said["judge"]["stopped"]
        judged = said["judge"]["same"] + said["judge"]["different"]
        assert 0 < judged < said["judge"]["pairs"]
        _, said, _ = run(capsys, *told, "--budget", "9")
        assert (
            server.served.statuses[200] == said["judge"]["pairs"] == said["judge"]["same"] + said["judge"]["different"]
        )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--budget", "1"), 2),
        (("--judge", "grammar"), 2),
        (("--judge", "openai"), 2),
        (("--judge", "openai:unpriced", "--budget", "1"), 2),
        (("--judge", "openai:small", "--base-url", "http://127.0.0.1:9/v1"), 3),
    ],
)
def test_a_judge_that_cannot_be_asked_is_two_lines(more: tuple[str, ...], code: int, capsys: Any) -> None:
    assert (
        main(["verify", "rows.jsonl", "--check", "contamination", "--against", "bench.jsonl", "--no-embeddings", *more])
        == code
    )
    said = capsys.readouterr().err
    assert "error:" in said and "try:" in said and "Traceback" not in said
    if code == 3:
        assert "kept.jsonl is written without its verdicts" in said
        assert len(Path("runs/rows/kept.jsonl").read_text().splitlines()) == len(ROWS)


def test_a_cache_size_that_is_no_number_is_two_lines_before_anything_is_read(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_CACHE_MB", "4 GB")
    assert main(["verify", "rows.jsonl"]) == 2
    said = capsys.readouterr().err
    assert said.splitlines() == ["error: TOOLKIT_CACHE_MB is '4 GB'", "try: a whole number of megabytes, such as 4096"]
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('{"reason": "r", "same": true}', True),
        ('Well: {"same": false}.', False),
        ('{"same": "yes"}', None),
        ("[", None),
    ],
)
def test_a_verdict_is_yes_or_no_and_nothing_else(text: str, same: bool | None) -> None:
    assert verdict(Reply(text)).same is same
