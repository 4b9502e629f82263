"""Every target with rows of every shape that it takes: our reader gets the rows back, and `datasets` loads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.export.rows import SETS, answer, plain, question, ready
from toolkit.core import parts
from toolkit.core.tools import functions
from toolkit.core.types import Turn
from toolkit.export import Exported, export
from toolkit.outbound.example import SHAPES
from toolkit.read import read
from toolkit.store.dataset import Dataset

LOST = {
    ("tools", "llamafactory"): {"ids of tool calls"},
    ("tools", "vertex"): {"ids of tool calls"},
}
"""What a target cannot hold, beside columns of the user's own."""
REFUSES = {("tools", name) for name in ("together", "bedrock-claude", "bedrock-llama", "bedrock-nova")}
FEW = {"bedrock-llama"}
"""Providers that want more rows than these sets have; they have sets of their own below."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ready")
    return {name: ready(folder, name, rows) for name, rows in SETS.items()}


def _taken() -> list[tuple[str, str]]:
    kinds = {
        "plain": "messages", "tools": "messages", "pairs": "preference", "chat-pairs": "preference",
        "completions": "prompt-completion", "wanted": "unpaired-preference", "classes": "text-label", "texts": "text",
        "steps": "stepwise", "tasks": "prompt-only",
    }  # fmt: skip
    return [
        (name, target)
        for name, kind in kinds.items()
        for target, found in parts.parts("targets").items()
        if SHAPES[kind] in found.takes and (name, target) not in REFUSES and target not in FEW
    ]


def _parsed(data: Dataset) -> list[Any]:
    """What checks and trainers see of rows: turns with calls as values, tools as functions, the label."""
    found = []
    for row in data.table(["turns", "rejected", "label", "tools"]).to_pylist():
        turns = [_turn(Turn(**each)) for each in row["turns"]]
        if row["label"] is not None and not any(turn[0] == "assistant" for turn in turns):
            turns.append(("assistant", row["label"], None, True, None))
            row["label"] = None
        other = [_turn(Turn(**each)) for each in row["rejected"] or ()]
        found.append((turns, other, row["label"], functions(row["tools"]) if row["tools"] else None))
    return found


def _turn(turn: Turn) -> tuple[Any, ...]:
    calls = None
    if turn.calls:
        listed = json.loads(turn.calls)
        inner = [each.get("function", each) for each in (listed if isinstance(listed, list) else [listed])]
        calls = [(each["name"], _loaded(each["arguments"])) for each in inner]
    return (turn.role, turn.content or "", calls, turn.trains, turn.reply_to)


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _without_ids(rows: list[Any]) -> list[Any]:
    return [([turn[:4] for turn in turns], *rest) for turns, *rest in rows]


def _file(found: Exported, part: str) -> Path:
    return found.folder / next(str(each["name"]) for each in found.files if each["part"] == part)


@pytest.mark.parametrize(("name", "target"), _taken())
def test_the_export_read_back_is_the_rows(name: str, target: str, runs: dict[str, Path], tmp_path: Path) -> None:
    found = export(runs[name], target, out=tmp_path / "out", anyway=True, options=_options(target))
    given = {each for each in found.told["lost"] if not each.startswith("column ")}
    assert given == LOST.get((name, target), set())
    for part in ("train", "heldout"):
        before = _parsed(read(runs[name] / f"{part}.jsonl", tmp_path / f"{part}-before"))
        after = _parsed(read(_opened(found, part, tmp_path), tmp_path / f"{part}-after"))
        if "ids of tool calls" in given:
            before, after = _without_ids(before), _without_ids(after)
        assert after == before


def test_a_provider_that_wants_a_hundred_rows(tmp_path: Path) -> None:
    completions = [{"prompt": question(at), "completion": answer(at)} for at in range(140)]
    for name, rows in (("many", plain(140)), ("completions", completions)):
        test_the_export_read_back_is_the_rows(
            name, "bedrock-llama", {name: ready(tmp_path, name, rows)}, tmp_path / name
        )


def _options(target: str) -> dict[str, Any]:
    return {"longest": 1000} if target == "rl" else {}


def _opened(found: Exported, part: str, tmp_path: Path) -> Any:
    """The file of a part, or for Arrow the folder as `datasets` opens it."""
    path = _file(found, part)
    if path.suffix != ".arrow":
        return path
    from datasets import load_from_disk

    return load_from_disk(str(found.folder))[path.parent.name]


ALIKE = ("unsloth", "azure", "fireworks", "mistral")
"""Their files are those of TRL or OpenAI."""


@pytest.mark.parametrize(("name", "target"), [pair for pair in _taken() if pair[1] not in ALIKE])
def test_datasets_loads_the_files(name: str, target: str, runs: dict[str, Path], tmp_path: Path) -> None:
    from datasets import load_dataset

    found = export(runs[name], target, out=tmp_path / "out", anyway=True, options=_options(target))
    for file in found.files:
        path = found.folder / str(file["name"])
        kind = {".jsonl": "json", ".parquet": "parquet", ".arrow": "arrow"}[path.suffix]
        loaded = load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        assert len(loaded) == file["rows"] > 0
        if kind == "json" and target not in (
            "mlx",
            "openai",
            "fireworks",
            "mistral",
            "azure",
            "vertex",
            "bedrock-nova",
        ):
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            assert [_bare(row) for row in loaded] == [_bare(row) for row in rows], "Arrow changed the rows"
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


def _bare(value: Any) -> Any:
    """A value without nulls, which is what a missing key becomes in Arrow."""
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if each is not None}
    return [_bare(each) for each in value] if isinstance(value, list) else value


def test_a_folder_of_parquet_loads_as_the_hub_would(runs: dict[str, Path], tmp_path: Path) -> None:
    from datasets import load_dataset

    found = export(runs["tools"], "parquet", out=tmp_path / "out", anyway=True, options={"licence": "cc0-1.0"})
    loaded = load_dataset(str(found.folder), cache_dir=str(tmp_path / "cache"))
    assert {part: len(rows) for part, rows in loaded.items()} == {"train": 36, "heldout": 12}
    tools = [json.loads(row["tools"]) for row in loaded["train"] if row["tools"]]
    assert tools and all(len(each) in (1, 2) for each in tools)
    card = (found.folder / "README.md").read_text()
    assert 'license: "cc0-1.0"' in card and "| train | 36 |" in card


def test_every_refused_pair_says_why(runs: dict[str, Path], tmp_path: Path) -> None:
    from toolkit.core.errors import NotFit

    for name, target in sorted(REFUSES):
        with pytest.raises(NotFit, match="16 by tools") as said:
            export(runs[name], target, out=tmp_path / target, anyway=True)
        assert "--leave-out" in said.value.fix
        assert len((tmp_path / target / "refused.jsonl").read_text().splitlines()) == 16
        assert not (tmp_path / target / "export.json").exists()
