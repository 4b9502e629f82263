"""Captured prompts asked again: real SDK traffic, a server of each API as the other model, and what is written."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.capture.server import Piece, Request, Upstream, message, reply
from tests.capture.test_compact import Log, _ask
from toolkit.capture.disagreement import disagreements
from toolkit.capture.transport import record
from toolkit.cli import main
from toolkit.sample import Given, sample
from toolkit.store.journal import events

PARAMETERS = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "description": "of a place", "parameters": PARAMETERS}}
CLAUDE_TOOL: Any = {"name": "weather", "description": "of a place", "input_schema": PARAMETERS}
SCHEMA = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
FREE = ["--no-embeddings"]


def _call(place: str, form: str) -> dict[str, Any]:
    if form == "chat":
        arguments = json.dumps({"place": place})
        return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": place}}


def _chat(text: str, *, place: str = "", stop: str = "stop") -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if place:
        said["tool_calls"] = [_call(place, "chat")]
    choice = {"index": 0, "message": said, "finish_reason": "tool_calls" if place else stop}
    usage = {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34}
    return {"id": f"c{hash(text + place)}", "object": "chat.completion", "created": 1, "model": "gpt-test",
            "choices": [choice], "usage": usage}  # fmt: skip


class Model:
    """A model of both APIs; `who` is what makes its answers other than those of another model."""

    def __init__(self, who: str) -> None:
        self.who, self.bodies = who, list[dict[str, Any]]()

    def __call__(self, request: Request) -> Sequence[Piece]:
        body = request.json()
        self.bodies.append(body)
        last = body["messages"][-1]
        asked = json.dumps(last["content"])
        claude = request.target.endswith("/messages")
        if last["role"] == "user" and "weather" in asked and "tool_result" not in asked:
            place = "Bern" if self.who == "small" else "Basel"
            told: Any = _chat("", place=place)
            if claude:
                told = message(content=[_call(place, "claude")], stop_reason="tool_use")
        else:
            text = self._text(asked)
            told = message(text, id=f"msg_{hash(asked)}") if claude else _chat(text)
        return [reply(json.dumps(told).encode())]

    def _text(self, asked: str) -> str:
        if "class" in asked:
            return "refund" if self.who == "large" else "Delivery."
        if "total" in asked:
            return json.dumps({"total": 12, "currency": "CHF" if self.who == "large" else "EUR"})
        words = "It left the depot at noon and comes before six today"
        return words if self.who == "large" else f"{words}, said {self.who}"


TALK: list[Any] = [
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name the class of: money back"}],
    [{"role": "user", "content": "What is the total?"}],
    [{"role": "user", "content": "How is the weather?"}],
    [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": "Where is my parcel?"},
    ],
]


@pytest.fixture
def captured(tmp_path: Path) -> Iterator[Path]:
    """Traffic of both real SDKs with the large model: a label, JSON, a tool and its result, several turns."""
    folder = tmp_path / "log"
    form = {"type": "json_schema", "json_schema": {"name": "t", "schema": SCHEMA}}
    with Upstream(Model("large")) as upstream:
        http = openai.DefaultHttpxClient(transport=record(folder))
        with openai.OpenAI(api_key="none", base_url=f"{upstream.url}/v1", http_client=http) as gpt:
            options: list[dict[str, Any]] = [{}, {"response_format": form}, {"tools": [CHAT_TOOL]}, {}]
            for talk, more in zip(TALK, options, strict=True):
                gpt.chat.completions.create(model="gpt-test", messages=talk, temperature=0, **more)
        own = anthropic.DefaultHttpxClient(transport=record(folder))
        with anthropic.Anthropic(api_key="none", base_url=upstream.url, http_client=own) as claude:
            result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "3 degrees"}
            turns: list[Any] = [
                {"role": "user", "content": "How is the weather in Chur?"},
                {"role": "assistant", "content": [_call("Chur", "claude")]},
                {"role": "user", "content": [result]},
            ]
            claude.messages.create(
                model="claude-test-1", max_tokens=99, system="Be kind.", messages=turns, tools=[CLAUDE_TOOL]
            )
    yield folder


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _replay(log: Path, url: str, *told: str, use: str = "openai") -> int:
    address = f"{url}/v1" if use == "openai" else url
    return main(["capture", "replay", str(log), "--with", f"{use}:small", "--base-url", address, *FREE, *told])


@pytest.mark.parametrize("use", ["openai", "anthropic"])
def test_a_student_beside_what_was_captured(
    use: str, captured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    small = Model("small")
    with Upstream(small) as server:
        assert _replay(captured, server.url, "--json", use=use) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["rows"], told["asked"], told["prompts"], told["requests"]) == (5, 5, 5, 5)
        assert _replay(captured, server.url, use=use) == 0
        assert len(small.bodies) == 5  # the same again is asked once
    rows = {
        row["disagreement_by"]["kind"] + str(len(row["messages"])): row for row in _lines(Path("replayed/rows.jsonl"))
    }
    assert set(rows) == {"label3", "fields2", "tools2", "text4", "text5"}
    assert (rows["label3"]["disagreement"], rows["label3"]["teacher"], rows["label3"]["answer"]) == (
        1,
        "refund",
        "Delivery.",
    )
    assert rows["fields2"]["disagreement"] == 0.5
    assert rows["tools2"]["disagreement"] == 0.5  # the same tool, another place
    assert 0 < rows["text5"]["disagreement"] < 0.5
    assert rows["tools2"]["messages"][-1]["tool_calls"][0]["function"]["arguments"] == {"place": "Basel"}
    assert rows["label3"]["lineage"]["compared_with"] == f"{use}:small"
    pairs = _lines(Path("replayed/pairs.jsonl"))
    assert len(pairs) == 5 and {each["lineage"]["preferred_by"] for each in pairs} == {"assumed: the teacher"}
    for name in ("rows", "pairs"):
        assert main(["verify", f"replayed/{name}.jsonl", "--no-embeddings", "--run", f"runs/{name}"]) in (0, 1)
    _as_asked(small.bodies, use)


def _as_asked(bodies: list[dict[str, Any]], use: str) -> None:
    """Tools, system prompts, results, schemas and limits reach the other model in its own words."""
    turns = next(each for each in bodies if "3 degrees" in json.dumps(each))
    by_words = {json.dumps(each["messages"][-1]["content"]): each for each in bodies}
    assert by_words['"What is the total?"']["temperature"] == 0
    assert turns["max_tokens"] == 99
    if use == "openai":
        assert [each["role"] for each in turns["messages"]] == ["system", "user", "assistant", "tool"]
        assert turns["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"place":"Chur"}'
        assert turns["tools"] == [CHAT_TOOL]
        assert by_words['"What is the total?"']["response_format"]["json_schema"]["schema"] == SCHEMA
    else:
        assert [each["role"] for each in turns["messages"]] == ["user", "assistant", "user"]
        assert turns["system"][0]["text"] == "Be kind."
        assert turns["messages"][1]["content"] == [_call("Chur", "claude")]
        assert turns["tools"] == [CLAUDE_TOOL]
        assert by_words['"What is the total?"']["output_config"]["format"]["type"] == "json_schema"


def test_a_teacher_gives_the_targets(captured: Path) -> None:
    with Upstream(Model("huge")) as server:
        assert _replay(captured, server.url, "--as", "teacher", "--out", "taught") == 0
    rows = {row["disagreement_by"]["kind"]: row for row in _lines(Path("taught/rows.jsonl"))}
    assert rows["label"]["messages"][-1]["content"] == "Delivery."
    assert rows["label"]["answer"] == "refund"
    lineage = rows["label"]["lineage"]
    assert (lineage["model"], lineage["captured_model"], lineage["answer"]) == ("small", "gpt-test", "replayed")
    pair = next(each for each in _lines(Path("taught/pairs.jsonl")) if each["chosen"][0]["content"] == "Delivery.")
    assert pair["rejected"][0]["content"] == "refund"


def test_a_sample_takes_the_disagreement_as_hardness(tmp_path: Path, encoder: Any) -> None:
    log = Log(tmp_path / "log")
    for at in range(30):
        log.call(_ask(f"Name the class of ticket {at} about {('parcel', 'bill')[at % 2]} {at * 7}"),
                 message("refund", id=f"msg_{at}"))  # fmt: skip

    def answer(request: Request) -> list[Piece]:
        wrong = "ticket 7 " in request.json()["messages"][-1]["content"]
        return [reply(json.dumps(_chat("other" if wrong else "Refund.")).encode())]

    with Upstream(answer) as server:
        assert _replay(log.folder, server.url) == 0
    made = sample(Given("replayed/rows.jsonl"), 5, encode=encoder)
    assert made.told["hardness"] == ["disagreement of two models"]
    assert "ticket 7 " in next(row.text for row in made.rows if row.group == "hard")


def test_a_draw_by_chance_a_budget_and_a_server_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(tmp_path / "log")
    for at in range(20):
        log.call(_ask(f"Question {at}?"), message(f"A long answer with number {at} and many words.", id=f"msg_{at}"))
    prices = tmp_path / "prices.yaml"
    prices.write_text("version: 1\nmodels: {'openai:small': {input: 0, output: 100}}\n", encoding="utf-8")

    failing: list[str] = []

    def answer(request: Request) -> list[Piece]:
        if request.json()["messages"][-1]["content"] in failing:
            return [0.3, reply(b'{"error": {"message": "too long"}}', status="400 Bad")]
        return [0.01, reply(json.dumps(_chat("short", stop="length")).encode())]

    with Upstream(answer) as server:
        assert _replay(log.folder, server.url, "--budget", "1") == 2
        assert "price of openai:small is not known" in capsys.readouterr().err
        monkeypatch.setenv("TOOLKIT_PRICES", str(prices))
        assert _replay(log.folder, server.url, "--rows", "4", "--json") == 0
        first = {row["id"] for row in _lines(Path("replayed/rows.jsonl"))}
        told = json.loads(capsys.readouterr().out)
        assert (told["asked"], told["prompts"]) == (4, 20)
        assert told["cost_usd"] == pytest.approx(4 * 4 * 100 / 1e6)
        assert not Path("replayed/pairs.jsonl").exists()  # cut off: it would teach length alone
        failing.append(next(f"Question {at}?" for at in range(20) if f"msg_{at}" not in first))
        assert _replay(log.folder, server.url, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert told["rows"] == 19 and sum(told["unanswered"].values()) == 1
        assert first < {row["id"] for row in _lines(Path("replayed/rows.jsonl"))}
        assert told["requests"] == 16
        assert _replay(log.folder, server.url, "--json", "--out", "poor", "--budget", "0.004") == 1
        told = json.loads(capsys.readouterr().out)
        assert told["not_asked"] > 0 and told["cost_usd"] <= 0.004
        assert told["asked"] == told["rows"] + told["not_asked"] + sum(told["unanswered"].values())


def test_every_turn_of_a_conversation(captured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(captured)
    first = [{"role": "user", "content": "Hi"}]
    for at, choice in enumerate(("auto", "required", "none")):
        turns = (
            [*first, {"role": "assistant", "content": "answer 0"}, {"role": "user", "content": "And 1?"}]
            if at
            else first
        )
        if at == 2:
            turns += [{"role": "assistant", "content": "answer 1"}, {"role": "user", "content": "And 2?"}]
        asked = {"model": f"model-{at}", "messages": turns, "tools": [CHAT_TOOL], "tool_choice": choice}
        for _ in range(2):  # a retry is no turn
            log.call(
                asked, {**_chat(f"answer {at}"), "id": f"c{at}", "model": f"model-{at}"}, path="/v1/chat/completions"
            )
    small = Model("small")
    with Upstream(small) as server:
        assert _replay(captured, server.url, "--json") == 0
        assert json.loads(capsys.readouterr().out)["prompts"] == 6
        assert _replay(captured, server.url, "--json", "--turns", "all") == 0
        assert json.loads(capsys.readouterr().out)["prompts"] == 8
    rows = {row["id"]: row for row in _lines(Path("replayed/rows.jsonl"))}
    assert [len(rows[f"c{at}"]["messages"]) for at in range(3)] == [2, 4, 6]
    assert [rows[f"c{at}"]["lineage"]["model"] for at in range(3)] == ["model-0", "model-1", "model-2"]
    assert len({rows[f"c{at}"]["lineage"]["group"] for at in range(3)}) == 1
    asked_with = {len(each["messages"]): each["tool_choice"] for each in small.bodies if "tool_choice" in each}
    assert asked_with == {1: "auto", 3: "required", 5: "none"}
    assert main(["capture", "replay", str(captured), "--with", "openai:m", "--turns", "some"]) == 2


def test_a_target_is_whole_and_no_refusal_of_the_competing_kind(tmp_path: Path, capsys: Any) -> None:
    log = Log(tmp_path / "log")
    for at in range(2):
        log.call(_ask(f"Question {at}?"), message("An answer.", id=f"msg_{at}"))
    with Upstream(lambda _: [reply(json.dumps(_chat("cut", stop="length")).encode())]) as server:
        assert _replay(log.folder, server.url, "--as", "teacher", "--json") == 1
    assert json.loads(capsys.readouterr().out)["unanswered"] == {"stopped by max_tokens": 2}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["--with", "openai:m", "--as", "pupil"], "unknown --as 'pupil'"),
        (["--with", "grammar:x"], "reads a prompt"),
        (["--with", "openai"], "names no model"),
        (["--with", "nobody:m"], "unknown provider"),
    ],
)
def test_what_cannot_be_meant(told: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(tmp_path / "log")
    log.call(_ask("hi"), message())
    assert main(["capture", "replay", str(log.folder), *told]) == 2
    assert said in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["capture", "replay", str(tmp_path / "empty"), "--with", "openai:m"]) == 2
    assert "holds no captured traffic" in capsys.readouterr().err


def _plain(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _with_calls(*calls: tuple[str, Any]) -> dict[str, Any]:
    told = [{"id": "x", "type": "function", "function": {"name": name, "arguments": given}} for name, given in calls]
    return {"role": "assistant", "content": "", "tool_calls": told}


@pytest.mark.parametrize(
    ("one", "other", "kind", "score"),
    [
        (_plain("Refund"), _plain(" refund. "), "label", 0),
        (_plain("refund"), _plain("The class is refund"), "label", 1),
        (_plain('{"a": 1, "b": [2, 3]}'), _plain('```json\n{"b": [3, 2], "a": 1}\n```'), "fields", 0),
        (_plain('{"a": 1, "b": 2}'), _plain('{"a": 1, "b": 9}'), "fields", 0.5),
        (_plain('{"a": 1}'), _plain("I cannot say."), "fields", 1),
        (_with_calls(("f", {"x": 1})), _with_calls(("f", {"x": 1})), "tools", 0),
        (_with_calls(("f", {})), _with_calls(("f", {})), "tools", 0),
        (_with_calls(("f", {"x": 1})), _with_calls(("g", {"x": 1})), "tools", 1),
        (_with_calls(("f", {"x": 1})), _plain("No tool is needed."), "tools", 1),
        (_with_calls(("f", {"x": 1}), ("g", {})), _with_calls(("g", {}), ("f", {"x": 1})), "tools", 0),
        (_with_calls(("f", {"x": 1})), _with_calls(("f", {"x": 1}), ("f", {"x": 2})), "tools", 1 / 3),
        (_with_calls(("f", "no json")), _with_calls(("f", {"x": 1})), "tools", 0.5),
    ],
)
def test_how_far_two_answers_are_apart(one: Any, other: Any, kind: str, score: float) -> None:
    (found,) = disagreements([(one, other)])
    assert found.kind == kind
    assert found.score == pytest.approx(score)


def test_free_text_by_words_or_by_meaning(encoder: Any) -> None:
    first = _plain("Your parcel left the depot and comes tomorrow for 20 francs.")
    same, other = _plain(first["content"]), _plain("We have no record whatsoever of any such thing at all, 200 times.")
    (by_words,) = disagreements([(first, same)])
    assert (by_words.kind, by_words.score) == ("text", 0)
    alike, apart = disagreements([(first, same), (first, other)], encoder)
    assert alike.score < 1e-6 < apart.score
    assert apart.measures["numbers"] == apart.score == 1 and 0.8 < apart.measures["words"] <= 1
    listed = _plain("Take these steps and then write to us again:\n1. Open the box.\n2) Read it.")
    bare = _plain("Take these steps and then write to us again:\n- Open the box.\n- Read it.")
    assert disagreements([(listed, bare)])[0].measures["numbers"] == 0


def test_after_a_signal_the_same_command_goes_on(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    log = Log(tmp_path / "log")
    for at in range(200):
        log.call(_ask(f"Question {at}?"), message(f"Answer {at}", id=f"msg_{at}"))
    with Upstream(lambda _: [0.1, reply(json.dumps(_chat("other")).encode())]) as server:
        command = [sys.executable, "-m", "toolkit", "capture", "replay", str(log.folder), "--with", "openai:m", *FREE]
        process = subprocess.Popen(
            [*command, "--base-url", f"{server.url}/v1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while len(server.requests) < 40 and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 1, said
        assert "stopped by SIGINT" in said
        assert 0 < len(_lines(Path("replayed/rows.jsonl"))) < 200
        rest = subprocess.run([*command, "--base-url", f"{server.url}/v1"], capture_output=True, text=True, check=True)
        assert "200 rows of 200 asked" in rest.stdout
        assert sum(each["e"] == "reply" for each in events(Path("replayed/journal.jsonl"))) == 200
        assert len(server.requests) == 200
