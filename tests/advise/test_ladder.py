"""The ladder against a server that answers by a rule: the probe, the rungs, the choice, resume, the cap, the lint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.fault_server import Connection, Faults, FaultServer, serving
from toolkit.advise.ladder import Plan, Ran, Step, _rung, choose, climb
from toolkit.advise.ladder_ask import Outcome, Timed
from toolkit.advise.ladder_prompt import Form, Shot, lint
from toolkit.advise.ladder_rows import Part
from toolkit.cli import main
from toolkit.core.errors import ProviderError
from toolkit.near.encode import lazy_encoder
from toolkit.split import SplitOptions, split
from toolkit.store.folder import open_run
from toolkit.verify import VerifyOptions, verify

WORDS = {
    "refund": ("money back", "refund", "charged twice", "return the payment"),
    "track": ("where is my parcel", "tracking number", "late delivery", "courier"),
    "login": ("password", "cannot sign in", "locked account", "reset code"),
}
THINGS = ("kettle", "lamp", "chair", "phone", "jacket", "bike", "book", "desk", "radio", "tent", "vase", "watch")
PLACES = ("Berlin", "Rome", "Oslo", "Lima", "Quito", "Cairo", "Delhi", "Tokyo", "Perth", "Miami")
LADDER = ("advise", "--ladder", "--encoder", "hashed-words", "--data")
MODELS = {"models": {"openai:small": {"input": 1.0, "output": 2.0}, "openai:big": {"input": 10.0, "output": 20.0}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is split in three, made once."""
    home = tmp_path_factory.mktemp("ladder")
    rows = [
        {"text": f"{PLACES[nth % 10]} {words[nth % 4]} {THINGS[nth % 12]} {nth * 7919 % 997}", "label": label}
        for label, words in WORDS.items()
        for nth in range(100)
    ]
    (home / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verify(home / "rows.jsonl", run=home / "run", options=VerifyOptions(only=("balance",), embed=False))
    split(home / "run", SplitOptions(dev=0.2, heldout=0.2, threshold=1.0))
    return home / "run"


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    Path("prices.yaml").write_text(yaml.safe_dump({"version": 1, **MODELS}))
    monkeypatch.setenv("TOOLKIT_PRICES", str(tmp_path / "prices.yaml"))
    shutil.copytree(made, "run")
    return "run"


class Ruled(FaultServer):
    """It knows a class by its words where they are not of the class `login`; that one it must be shown."""

    def reply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        text = body["messages"][-1]["content"]
        shown = sum(each["role"] == "assistant" for each in body["messages"])
        label = next(name for name, words in WORDS.items() if any(word in text for word in words))
        if "Texts of the class" in text:
            self.faults.text = "what it says"
        elif "response_format" in body:
            self.faults.text = json.dumps({"label": label})
        elif label == "login" and not shown:
            self.faults.text = "I think it is about an account."
        else:
            self.faults.text = label
        return super().reply(path, body)


@contextmanager
def ruled() -> Iterator[FaultServer]:
    with serving(Faults()) as server:
        server.__class__ = Ruled
        yield server


def of(name: str, server: FaultServer) -> list[str]:
    return [*LADDER, name, "--model", "openai:small", "--base-url", f"{server.url}/v1"]


def test_without_a_key_the_probe_gives_a_first_answer(run: str, capsys: Any) -> None:
    assert main([*LADDER, run, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["answers"]["measured"]
    (only,), final = told["rungs"], told["final"]
    assert only["kind"] == final["kind"] == "probe" and only["low"] < only["score"] <= only["high"]
    assert only["score"] > 0.9 and (only["rows"], final["rows"]) == (60, 60)
    assert json.loads(Path(run, "advice.json").read_text())["answers"]["measured"]["final"] == final


def test_rungs_are_measured_and_one_of_them_once_on_the_held_out_rows(run: str, capsys: Any) -> None:
    with ruled() as server:
        assert main([*of(run, server), "--stronger", "openai:big", "--json"]) == 0
        asked = server.served.statuses[200]
        told = json.loads(capsys.readouterr().out)["answers"]
        rungs = {each["name"]: each for each in told["measured"]["rungs"]}
        assert main([*of(run, server), "--stronger", "openai:big", "--json"]) == 0
        assert server.served.statuses[200] == asked, "nothing is asked twice"
    assert asked == 60 * 7 + 3 + 60
    bare, five = rungs["no examples"], rungs["5 examples"]
    assert bare["score"] == pytest.approx(2 / 3, abs=0.1) and five["score"] == 1.0
    assert bare["off_shape"] == pytest.approx(1 - bare["score"]) and five["off_shape"] == 0
    assert 0 < bare["cost_per_1000"] < five["cost_per_1000"] and five["latency_s"] > 0
    final = told["measured"]["final"]
    assert (final["name"], final["score"], final["rows"]) == ("5 examples", 1.0, 60)
    assert told["score_now"]["answer"] == 1.0 and "held out" in told["score_now"]["evidence"]
    assert told["measured"]["notes"][0].startswith("Stop at '5 examples': no cheaper rung is as good. The linear probe")
    assert [each["kind"] for each in told["measured"]["rungs"]] == [
        *("probe", "zero-shot", "few-shot", "few-shot", "few-shot", "system-prompt", "constrained", "stronger")
    ]
    again = json.loads(capsys.readouterr().out)["answers"]["measured"]
    assert again == told["measured"]


def test_a_cap_ends_the_climb_and_more_money_goes_on(run: str, capsys: Any) -> None:
    with ruled() as server:
        assert main([*of(run, server), "--budget", "0.02"]) == 1
        out, first = capsys.readouterr().out, server.served.statuses[200]
        assert "stopped: the budget is spent" in out and "held-out, run once" not in out
        # What a request may cost is set aside before it is sent: the cap holds whatever comes back.
        spent = (server.served.tokens_in * 1.0 + server.served.tokens_out * 2.0) / 1e6
        assert 0 < spent <= 0.02
        assert main([*of(run, server), "--budget", "5"]) == 0
        assert "held-out, run once: 5 examples" in capsys.readouterr().out
        assert server.served.statuses[200] == 60 * 6 + 3 + 60 > first


def test_rungs_that_were_saved_are_answers_again(run: str, capsys: Any) -> None:
    assert main([*LADDER, run, "--save", "answers.yaml", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)["answers"]["measured"]
    assert main(["advise", "--answers", "answers.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"]["measured"] == before


def test_another_prompt_asks_the_held_out_rows_again_and_that_is_said(run: str, capsys: Any) -> None:
    Path("mine.txt").write_text("Sort the text. Be brief. Explain your answer in detail: refund, track or parcel.")
    with ruled() as server:
        assert main(of(run, server)) == 0
        assert "judged" not in capsys.readouterr().out
        assert main([*of(run, server), "--system", "mine.txt"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "the held-out rows have now judged 2 rungs" in out
    assert "does not name 1 of 3 classes, such as login" in out and "both 'be brief' and 'be thorough'" in out


def test_a_rung_that_the_model_cannot_read_is_passed_over(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(at: Connection, path: str, headers: dict[str, str], body: dict[str, Any]) -> Any:
        return (400, "the prompt is too long") if len(body["messages"]) > 30 else None

    monkeypatch.setattr(Connection, "refusal", refusal)
    with ruled() as server:
        plan = Plan(model="openai:small", base_url=f"{server.url}/v1")
        found = climb(open_run(run), plan, lazy_encoder("hashed-words"))
    names = [each.name for each in found.measured.rungs]
    assert found.complete and "5 examples" in names and not {"20 examples", "100 examples"} & set(names)
    said = [note for note in found.measured.notes if "could not be run" in note]
    assert len(said) == 2 and "too long" in said[0]
    assert found.measured.final is not None and found.measured.final.name == "5 examples"


def test_a_score_that_is_enough_ends_the_climb(run: str) -> None:
    with ruled() as server:
        plan = Plan(model="openai:small", base_url=f"{server.url}/v1", needed=0.95)
        found = climb(open_run(run), plan, lazy_encoder("hashed-words"))
    assert [each.name for each in found.measured.rungs[1:]] == ["no examples", "5 examples"]


def test_a_server_that_is_not_there_is_told(run: str) -> None:
    plan = Plan(model="openai:small", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ProviderError):
        climb(open_run(run), plan, lazy_encoder("hashed-words"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--ladder"], "needs a run that is split"),
        (["--model", "openai:x", "--data", "run"], "are of the ladder"),
        (["--ladder", "--data", "run", "--stronger", "openai:x"], "need a model"),
        (["--ladder", "--data", "run", "--budget", "0"], "need a model"),
        (["--ladder", "--data", "run", "--model", "grammar"], "no model that reads a prompt"),
        (["--ladder", "--data", "run", "--model", "openai:x", "--budget", "1"], "price of openai:x is not known"),
        (["--ladder", "--data", "run", "--system", "absent.txt"], "absent.txt cannot be read"),
    ],
)
def test_what_cannot_be_run_is_refused(run: str, line: list[str], words: str, capsys: Any) -> None:
    assert main(["advise", *line]) == 2
    assert words in capsys.readouterr().err


def test_rows_without_dev_rows_are_refused(run: str, capsys: Any) -> None:
    split(run, SplitOptions(heldout=0.2, threshold=1.0))
    assert main([*LADDER, run]) == 2
    assert "has no dev rows" in capsys.readouterr().err


def test_an_answer_off_the_shape_is_no_answer() -> None:
    form = Form("Sort.", ("Refund", "track"))
    assert form.answer(" refund\n") == "Refund"
    for drifted in ("Refund.", "The class is refund", "", '{"label": "refund"}', "other"):
        assert form.answer(drifted) is None
    twins = form._replace(classes=("Refund", "refund"))
    assert [twins.answer(said) for said in ("Refund", "refund", "REFUND")] == ["Refund", "refund", None]
    held = form._replace(constrained=True)
    assert held.answer('{"label": "refund"}') == "Refund"
    for drifted in ("refund", "[]", '{"label": 1}', '{"label": "other"}'):
        assert held.answer(drifted) is None
    shown = held.asked("text", [Shot("a", "track")])
    assert [each.content for each in shown.messages[1:]] == ["a", '{"label": "track"}', "text"]


def test_the_lint_of_a_prompt() -> None:
    assert list(lint("Name the class: refund or track. Answer with nothing else.", ["refund", "track"])) == []
    assert "about 1,250 tokens" in next(lint("word " * 1000))
    assert list(lint("Always ask back. Later: never ask back.")) == [
        "the system prompt says both to 'ask back' and not to: keep one"
    ]
    assert len(list(lint("Return JSON. Write plain text."))) == 1


def test_the_cheapest_rung_that_the_best_does_not_beat_is_chosen() -> None:
    part = Part(("",) * 200, ("",) * 200, np.arange(200))

    def ran(name: str, right: int, price: float | None) -> Ran:
        step = Step("few-shot", name, Timed(None, None), Form("", ()))  # type: ignore[arg-type]
        outcome = Outcome(np.arange(200) < right, np.ones(200, bool), price)
        return Ran(step, outcome, _rung(step, outcome, part))

    poor, good, dear, cheap = ran("poor", 140, 1), ran("good", 178, 5), ran("dear", 180, 60), ran("cheap", 179, 2)
    assert choose([poor, good, dear], part.alike) is good
    assert choose([poor, good, dear, cheap], part.alike) is cheap
    unknown = cheap._replace(rung=cheap.rung.model_copy(update={"cost_per_1000": None}))
    assert choose([poor, good, dear, unknown], part.alike) is good
    # 40 rows more are one row forty times, where they are all alike.
    alike = np.where(np.arange(200) < 140, np.arange(200), 999)
    assert choose([poor, good, dear], alike) is poor
