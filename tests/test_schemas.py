"""The JSON Schemas in `schemas/` say of rows and findings what the toolkit makes of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from toolkit.core import parts
from toolkit.core.share import shipped
from toolkit.findings import findings
from toolkit.read import read
from toolkit.store.ledger import Ledger
from toolkit.verify import VerifyOptions, verify

ROWS = shipped("schemas") / "rows"
TEXT = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}]
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}],
}
WHOLE: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {"messages": TEXT},
        {"messages": [TEXT[0], CALL], "tools": [{"name": "f"}]},
        {"system": "Be brief.", "messages": TEXT},
    ],
    "bedrock": [
        {"schemaVersion": "bedrock-conversation-2024", "messages": [{"role": "user", "content": [{"text": "How?"}]}]}
    ],
    "vertex": [
        {"contents": [{"role": "user", "parts": [{"text": "How?"}]}, {"role": "model", "parts": [{"text": "So."}]}]}
    ],
    "stepwise": [{"prompt": "a", "completions": ["b", "c"], "labels": [True, False]}],
    "prompt-only": [{"prompt": "a"}, {"prompt": TEXT[:1], "reference": "So."}],
    "messages-column": [{"traj": TEXT, "reward": 1.0}],
    "sharegpt": [{"conversations": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}]}],
    "alpaca": [{"instruction": "Add.", "input": "1 2", "output": "3", "history": [["a", "b"]]}],
    "prompt-completion": [{"prompt": "a", "completion": "b"}, {"question": TEXT[:1], "answer": TEXT[1:]}],
    "preference": [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"chosen": TEXT, "rejected": TEXT},
        {"chosen_messages": TEXT, "rejected_messages": TEXT},
        {"input": {"messages": TEXT[:1]}, "preferred_output": TEXT[1:], "non_preferred_output": TEXT[1:]},
    ],
    "unpaired-preference": [
        {"prompt": "a", "completion": "b", "label": True},
        {"messages": TEXT, "kto_tag": False},
        {"conversations": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So."}], "kto_tag": True},
    ],
    "text": [{"text": "Once."}],
    "text-label": [{"text": "Once.", "label": "story"}, {"text": "Once.", "label": 3}],
}
BROKEN: dict[str, list[dict[str, Any]]] = {
    "messages": [
        {},
        {"messages": []},
        {"messages": [{"content": "a"}]},
        {"messages": [{"role": "bot", "content": "a"}]},
    ],
    "messages-column": [{"traj": []}, {"reward": 1}],
    "bedrock": [{"schemaVersion": "1", "messages": [{"role": "tool", "content": [{"text": "a"}]}]}, {"messages": TEXT}],
    "vertex": [{"contents": []}, {"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}],
    "stepwise": [{"prompt": "a", "completions": ["b"], "labels": ["yes"]}, {"prompt": "a", "completions": ["b"]}],
    "prompt-only": [{}, {"prompt": ""}],
    "sharegpt": [{"conversations": [{"from": "human"}]}, {"conversations": [{"from": "me", "value": "a"}]}],
    "alpaca": [{"instruction": "a"}, {"instruction": "a", "output": ""}],
    "prompt-completion": [{"prompt": "a"}, {"prompt": 1, "completion": "b"}],
    "preference": [{"chosen": "a"}, {"prompt": "a", "chosen": "b", "rejected": ""}],
    "unpaired-preference": [{"prompt": "a", "completion": "b", "label": "yes"}, {"label": True}],
    "text": [{}, {"text": ""}],
    "text-label": [{"text": "a"}, {"text": "a", "label": None}, {"text": "a", "label": ""}],
}
REAL = {
    "fmt_llamafactory/alpaca_en_demo.json": "alpaca",
    "fmt_llamafactory/glaive_toolcall_en_demo.json": "sharegpt",
    "fmt_llamafactory/dpo_en_demo.json": "preference",
    "fmt_llamafactory/kto_en_demo.json": "unpaired-preference",
    "fmt_llamafactory/c4_demo.jsonl": "text",
    "fmt_axolotl/conversation.json": "sharegpt",
}


def validator(path: Path) -> Draft202012Validator:
    files = {each.name: Resource.from_contents(json.loads(each.read_text())) for each in ROWS.glob("*.json")}
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    registry: Registry[Any] = Registry().with_resources([(path.name, Resource.from_contents(schema)), *files.items()])
    return Draft202012Validator({"$ref": path.name}, registry=registry)


def of_format(name: str) -> Draft202012Validator:
    return validator(ROWS / f"{name}.schema.json")


def test_every_format_has_a_schema_and_cases() -> None:
    formats = set(parts.parts("formats")) - {"unknown"}
    assert {path.name.removesuffix(".schema.json") for path in ROWS.glob("*.json")} == formats
    assert set(WHOLE) == set(BROKEN) == formats


@pytest.mark.parametrize("name", WHOLE)
def test_whole_rows_fit_and_so_does_what_is_written_of_them(name: str) -> None:
    form = parts.build("formats", name)
    for row in WHOLE[name]:
        of_format(name).validate(row)
        written = form.write(form.parse(row))
        of_format("messages" if name == "messages-column" else name).validate(written)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rows_do_not_fit(name: str) -> None:
    for row in BROKEN[name]:
        assert not of_format(name).is_valid(row), row


@pytest.mark.skipif("TOOLKIT_DATA" not in os.environ, reason="TOOLKIT_DATA names no folder of public data")
@pytest.mark.parametrize("file", REAL)
def test_real_rows_fit_as_they_are(file: str, tmp_path: Path) -> None:
    path = Path(os.environ["TOOLKIT_DATA"]) / file
    if not path.is_file():
        pytest.skip(f"{file} is not there")
    data = read(path, tmp_path / "data")
    assert data.manifest.format == REAL[file]
    form, fits = parts.build("formats", REAL[file]), of_format(REAL[file])
    rows = [json.loads(raw) for raw in data.table(["raw"]).column("raw").to_pylist()]
    assert rows
    bad = [error.message[:200] for row in rows for error in fits.iter_errors(row)]
    assert bad == []
    for row in rows:
        fits.validate(form.write(form.parse(row)))


def test_finding_lines_fit_their_schema(tmp_path: Path) -> None:
    rows = [{"text": "the same words again", "label": "x"}] * 2 + [{"text": "key AKIA2E0A8F3B244C9986", "label": " y"}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": "", "label": None}]) + "no json\n")
    found = verify(path, run=tmp_path / "run", options=VerifyOptions(embed=False))
    fits = validator(shipped("schemas") / "finding.schema.json")
    with Ledger(found.run.ledger, read_only=True) as ledger:
        lines = list(findings(ledger))
    assert {line["check"] for line in lines} >= {"parse", "exact-duplicate", "contract", "balance"}
    for line in lines:
        fits.validate(line)
