"""Every shipped pipeline and the demo, run whole; a second run of a pipeline does nothing again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import anthropic
import openai
import pytest

from tests.capture.server import Piece, Request, Upstream, message, reply
from toolkit import pipeline
from toolkit.capture.transport import record
from toolkit.cli import main
from toolkit.core.errors import UsageError
from toolkit.core.share import shipped

SHIPPED = sorted(path.stem for path in shipped("pipelines").glob("*.yaml") if path.stem != "active_learning")
"""Without the one that waits for people: tests/label/test_loop.py has it."""
SAMPLE = shipped("reports") / "sample"


def test_there_are_pipelines() -> None:
    assert len(SHIPPED) >= 2


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pipeline_runs_and_is_not_run_twice(name: str, capsys: Any) -> None:
    if name == "distil":
        _captured(Path("capture"))
    assert main(["run", name]) in (0, 1)
    first = capsys.readouterr().out
    assert "as it was" not in first
    assert main(["run", name]) in (0, 1)
    second = capsys.readouterr().out
    assert second.count("as it was") == len(second.splitlines())
    report = json.loads(Path(f"runs/{name}/readiness.json").read_text(encoding="utf-8"))
    assert report["records"] == report["kept"] + report["quarantined"]
    if name == "distil":
        assert (report["records"], report["source_kinds"]) == (30, {"captured": 30})
    if name == "support_tickets":
        _like_the_sample(report)


def _captured(folder: Path) -> None:
    """Questions that the SDKs of Anthropic and OpenAI put to a local server, recorded inside the application."""
    asks: list[Any] = [[{"role": "user", "content": f"Where is parcel {at} of {at * at}?"}] for at in range(30)]

    def answer(request: Request) -> list[Piece]:
        text = f"It is on its way: {request.json()['messages'][0]['content']}"
        name = f"id_{crc32(text.encode())}"
        if request.target.endswith("/messages"):
            return [reply(json.dumps(message(text, id=name)).encode())]
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        about = {"id": name, "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return [reply(json.dumps(about).encode())]

    with Upstream(answer) as upstream:
        http = anthropic.DefaultHttpxClient(transport=record(folder))
        with anthropic.Anthropic(api_key="none", base_url=upstream.url, http_client=http) as claude:
            for asked in asks[:20]:
                claude.messages.create(model="claude-test-1", max_tokens=99, messages=asked)
        own = openai.DefaultHttpxClient(transport=record(folder))
        with openai.OpenAI(api_key="none", base_url=f"{upstream.url}/v1", http_client=own) as gpt:
            for asked in asks[20:]:
                gpt.chat.completions.create(model="gpt-test", messages=asked)


def _like_the_sample(report: dict[str, Any]) -> None:
    """The committed sample is what the pipeline makes; what the encoder measured may differ with the processor."""
    sample = json.loads((SAMPLE / "readiness.json").read_text(encoding="utf-8"))
    for key in ("verdict", "format", "records", "rows", "version", "policy", "source_kinds"):
        assert report[key] == sample[key], key
    assert {line["check"] for line in report["checks"]} == {line["check"] for line in sample["checks"]}
    assert report["sources"] == sample["sources"]


def test_a_changed_input_is_done_again(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(json.dumps({"text": f"text number {at} of many", "label": "ab"[at % 2]}) + "\n" for at in range(60))
    )
    file = tmp_path / "own.yaml"
    file.write_text(
        "version: 1\nname: own\nsteps:\n"
        "  - verb: verify\n    options: {data: rows.jsonl, embed: false}\n"
        "  - verb: split\n    options: {embed: false}\n  - verb: readiness\n"
    )
    assert [done.outcome for done in pipeline.run(file)] == ["done"] * 3
    assert [done.outcome for done in pipeline.run(file)] == ["as it was"] * 3
    rows.write_text(rows.read_text() + json.dumps({"text": "one more", "label": "a"}) + "\n")
    assert [done.outcome for done in pipeline.run(file)] == ["done"] * 3
    assert [done.outcome for done in pipeline.run(file, fresh=True)] == ["done"] * 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\nname: x\nsteps:\n  - verb: verfy\n", "line 4"),
        ("version: 1\nname: x\nstep: []\n", "did you mean 'steps'"),
        ("version: 1\nname: x\nsteps: []\n", "steps"),
        ("version: 1\nname: x\nsteps:\n  - verb: verify\n", "lacks 'data'"),
        ("version: 1\nname: x\nsteps:\n  - verb: capture\n    options: {log: l, terns: x}\n", "mean 'terms'"),
        ("version: 2\nname: x\nsteps:\n  - verb: split\n", "line 1"),
        ("a: [\n", "line"),
    ],
)
def test_a_broken_pipeline_names_its_line(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as said:
        pipeline.run(file)
    assert words in f"{said.value.what} {said.value.fix}"


def test_the_schemas_are_those_of_the_models() -> None:
    from toolkit.core.policy import Policy
    from toolkit.generate.recipe import RecipeFile

    for model, name in ((pipeline.Pipeline, "pipeline"), (RecipeFile, "recipe"), (Policy, "policy")):
        shown = json.loads((shipped("schemas") / f"{name}.schema.json").read_text(encoding="utf-8"))
        shown.pop("$schema")
        shown.pop("$id")
        assert shown == model.model_json_schema(), f"write schemas/{name}.schema.json again"


def test_the_demo_finds_what_it_planted(capsys: Any) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    found = {line.split()[0]: tuple(map(int, line.split()[1:3])) for line in out.splitlines()[3:11]}
    for kind in ("exact-duplicate", "near-duplicate", "empty-text", "leak", "secret", "broken-line"):
        planted, hits = found[kind]
        assert hits == planted, kind
    planted, hits = found["swapped-label"]
    assert hits >= planted // 2
    assert Path("runs/demo/readiness.html").stat().st_size > 10_000
    assert "CANNOT TELL" in out, "no held-out row is of real use"
