"""Free answers on the ladder: a judge that reads, one that always names the first, and rows that cannot be judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fault_server import Faults, FaultServer, serving
from toolkit.cli import main
from toolkit.split import SplitOptions, split
from toolkit.verify import VerifyOptions, verify

CITIES = ("Berlin", "Rome", "Oslo", "Lima", "Quito", "Cairo", "Delhi", "Tokyo", "Perth", "Miami")
THINGS = ("kettle", "lamp", "chair", "phone", "jacket", "bike", "book", "desk", "radio", "tent")
PRICES = {"openai:small": {"input": 1.0, "output": 2.0}, "openai:critic": {"input": 10.0, "output": 20.0}}


def _own(number: int) -> str:
    return f"The parcel {number} arrives on Monday."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("judged")
    asked = [f"{CITIES[nth % 10]} {THINGS[nth // 10]}: when does parcel {nth * 37} come?" for nth in range(100)]
    rows = [{"prompt": text, "completion": _own(nth * 37)} for nth, text in enumerate(asked)]
    (home / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verify(home / "rows.jsonl", run=home / "run", options=VerifyOptions(only=("parse",), embed=False))
    split(home / "run", SplitOptions(dev=0.2, heldout=0.2, threshold=1.0))
    return home / "run"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    Path("prices.yaml").write_text(yaml.safe_dump({"version": 1, "models": PRICES}))
    monkeypatch.setenv("TOOLKIT_PRICES", str(tmp_path / "prices.yaml"))


class Reading(FaultServer):
    """Without examples half of its answers are wrong; as a judge it prefers the answer with `Monday`."""

    biased = False

    def reply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        text = body["messages"][-1]["content"]
        if "Answer B:" in text:
            one, other = ("Monday" in part for part in text.split("Answer A:")[1].split("Answer B:"))
            named = "A" if self.biased or (one and not other) else "B" if other and not one else "same"
            self.faults.text = json.dumps({"reason": "it says when", "better": named})
        else:
            number = int(re.findall(r"parcel (\d+)", text)[0])
            shown = sum(each["role"] == "assistant" for each in body["messages"])
            self.faults.text = f"Monday, for {number}." if shown or number % 2 else "I do not know."
        return super().reply(path, body)


class Biased(Reading):
    biased = True


@contextmanager
def served(kind: type[FaultServer]) -> Iterator[FaultServer]:
    with serving(Faults()) as server:
        server.__class__ = kind
        yield server


def _climb(run: Path, server: FaultServer, *more: str) -> int:
    line = ["advise", "--ladder", "--encoder", "hashed-words", "--data", str(run), "--model", "openai:small"]
    return main([*line, "--base-url", f"{server.url}/v1", "--json", *more])


def test_a_judge_scores_free_answers_in_both_orders(run: Path, capsys: Any) -> None:
    with served(Reading) as server:
        assert _climb(run, server, "--judge", "openai:critic", "--budget", "5") == 0
        asked = server.served.statuses[200]
    measured = json.loads(capsys.readouterr().out)["answers"]["measured"]
    bare, five, twenty = measured["rungs"]
    assert [each["kind"] for each in measured["rungs"]] == ["zero-shot", "few-shot", "few-shot"]
    assert 0.2 < bare["score"] < 0.8 and five["score"] == twenty["score"] == 1.0
    assert bare["agreed"] == five["agreed"] == 1.0 and bare["off_shape"] == 0
    wrong = 20 - round(20 * bare["score"])
    assert asked == 20 * 3 + 20 * 2 + wrong * 2 + 20 * 3, "a pair that was judged on another rung is not judged again"
    assert measured["final"]["name"] == "5 examples" and measured["final"]["rows"] == 20
    assert bare["cost_per_1000"] < 1, "the dear judge is not in the price of the rung"
    assert "judged by openai:critic" in measured["source"]
    assert measured["notes"][0].startswith("Stop at '5 examples'") and "probe" not in measured["notes"][0]


def test_a_judge_that_names_whoever_stands_first_is_told_of(run: Path, tmp_path: Path, capsys: Any) -> None:
    import shutil

    shutil.copytree(run, tmp_path / "again", ignore=shutil.ignore_patterns("ladder"))
    with served(Biased) as server:
        assert _climb(tmp_path / "again", server, "--judge", "openai:small", "--rows", "8") == 0
    measured = json.loads(capsys.readouterr().out)["answers"]["measured"]
    assert {each["score"] for each in measured["rungs"]} == {0.0}
    assert {each["agreed"] for each in measured["rungs"]} == {0.0}
    notes = " ".join(measured["notes"])
    assert "says the same in both orders of 0% of pairs" in notes and "judges its own answers" in notes


def test_what_cannot_be_judged_is_refused(run: Path, capsys: Any) -> None:
    assert main(["advise", "--ladder", "--data", str(run), "--judge", "openai:critic"]) == 2
    assert "need a model" in capsys.readouterr().err
    assert main(["advise", "--ladder", "--data", str(run), "--model", "openai:small"]) == 2
    assert "without --judge only labels" in capsys.readouterr().err
    assert main(["advise", "--ladder", "--data", str(run), "--model", "openai:small", "--judge", "grammar"]) == 2
    assert "no model" in capsys.readouterr().err
