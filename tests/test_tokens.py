"""`toolkit tokens`: counts by a real tokenizer, estimates that say so, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.export.rows import with_tools
from toolkit.chat.tokenizer import load
from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.outbound import lengths
from toolkit.tokens import tokens

MODEL = Path(__file__).parent / "trainers" / "chatml"


def _rows(path: Path) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in with_tools(30)), encoding="utf-8")
    return path


def test_counts_are_the_tokenizers(tmp_path: Path) -> None:
    found = tokens(_rows(tmp_path / "rows.jsonl"), str(MODEL), usd_per_million=10, epochs=2)
    hf = load(str(MODEL))
    asked = [m["content"] for row in with_tools(30) for m in row["messages"] if m["role"] == "user"]
    assert found.exact and found.rows == 30 and found.error == 0
    assert found.by_role["user"] == sum(len(each.ids) for each in hf.encode(asked))
    assert found.total == sum(found.by_role.values()) and set(found.by_role) == {
        "user", "assistant", "system", "tool", "tools",
    }  # fmt: skip
    assert found.usd == pytest.approx(found.total * 2 * 10 / 1e6)
    assert found.longest[0]["tokens"] == found.quantiles["p100"]


def test_without_a_tokenizer_the_count_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _rows(tmp_path / "rows.jsonl")
    assert main(["tokens", str(file)]) == 0
    assert "estimated, to about 18% for a whole file" in capsys.readouterr().out
    assert main(["tokens", str(file), "--model", "anthropic:claude-haiku-4-5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["exact"] is False and told["usd"] > 0 and "read once" in told["price"]


def test_the_estimate_is_near_for_common_texts() -> None:
    """Counts by a vocabulary of 131,072, made once: the estimate may be a quarter off on one short text."""
    for text, counted in (("The quick brown fox jumps over the lazy dog.", 10), ("", 0), ("東京は日本の首都です。", 8)):
        assert abs(lengths.estimate(text) - counted) <= max(1, counted / 4), text
    assert lengths.estimate("a" * 60) > lengths.estimate("a" * 6)


def test_bad_input(tmp_path: Path) -> None:
    file = _rows(tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="neither a folder nor a model"):
        tokens(file, "nobody/nothing")
    with pytest.raises(UsageError):
        tokens(file, usd_per_million=-2)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="no row to count"):
        tokens(tmp_path / "empty.jsonl")
