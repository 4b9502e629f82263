"""`toolkit templates`: what templates lose of the same rows, and one row of each kind as both render it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainers import rows as made
from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.templates import templates

MODELS = [str(made.FOLDER / "chatml"), str(made.FOLDER / "inst")]


def _file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _said(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


ROWS = [
    {"id": "same", "messages": [_said("user", "hi"), _said("assistant", "hello")]},
    {
        "id": "thought",
        "messages": [
            _said("user", "hi"), _said("assistant", "<think>\nfirst\n</think>\n\nhello"), _said("user", "and"),
            _said("assistant", "my key is sk-ant-" + "api03-" + "Zx9" * 31 + "AA"),
        ],
    },
    {"id": "tool", "messages": [_said("user", "find"), _said("assistant", "ok")], "tools": [made.TOOL]},
]  # fmt: skip


def test_what_each_template_loses(tmp_path: Path) -> None:
    found = templates(_file(tmp_path / "rows.jsonl", ROWS), MODELS)
    chatml, inst = found.seen
    assert (chatml.model, inst.model) == ("chatml", "inst")
    assert (chatml.marks, inst.marks) == (True, False)
    assert (chatml.counts, inst.counts) == ({}, {"thinking-stripped": 1, "tools-lost": 1})
    assert (found.rows, found.differ) == (3, 2)
    assert {each["kind"]: (each["row"], each["lost_by"]) for each in found.examples} == {
        "thinking-stripped": ("thought", "inst"),
        "tools-lost": ("tool", "inst"),
    }
    assert chatml.opening.endswith("<|im_start|>assistant\n") and inst.opening == "<s>[user] … [/user] "
    assert "Zx9Zx9" not in json.dumps(found.examples)
    (only,) = templates(tmp_path / "rows.jsonl", MODELS[1:]).seen
    assert only == inst


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _file(tmp_path / "rows.jsonl", ROWS)
    asked = ["templates", str(file), "--model", MODELS[0], "--model", MODELS[1]]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "3 rows of all rows, 2 of them shown differently" in said
    assert "tools-lost: row tool, lost by inst:" in said
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differ"] == 2
    assert main(["templates", str(file), "--model", MODELS[0], "--model", "nobody/nothing"]) == 2
    assert "nobody/nothing is neither a folder" in capsys.readouterr().err


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model is named"):
        templates(_file(tmp_path / "rows.jsonl", ROWS), [])
    with pytest.raises(UsageError, match="text rows pass no chat template"):
        templates(_file(tmp_path / "texts.jsonl", [{"text": f"a document of words, {at}"} for at in range(4)]), MODELS)
    with pytest.raises(InputError, match="no row to render"):
        templates(_file(tmp_path / "empty.jsonl", []), MODELS)
