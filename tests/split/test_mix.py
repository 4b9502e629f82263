"""General rows mixed into train: shares, lineage, nothing alike on two sides, clear errors."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolkit.cli import main
from toolkit.core.errors import InputError, NotFit, UsageError
from toolkit.export import export
from toolkit.readiness import check, readiness
from toolkit.split import MixOptions, SplitOptions, load_split, mix, split
from toolkit.store.folder import RunFolder
from toolkit.verify import VerifyOptions, verify

WORDS = [
    f"{a}{b}"
    for a in ["ba", "ke", "li", "mo", "nu", "pa", "ri", "so", "tu", "we", "zi"]
    for b in ["ran", "del", "mit", "por", "sun", "tak"]
]


def _chats(n: int, seed: int, task: str) -> list[dict[str, object]]:
    rng = random.Random(seed)
    return [
        {
            "messages": [
                {"role": "user", "content": f"{task}: {' '.join(rng.sample(WORDS, 9))}?"},
                {"role": "assistant", "content": " ".join(rng.sample(WORDS, 7))},
            ]
        }
        for _ in range(n)
    ]


def _file(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = _file(tmp_path / "rows.jsonl", _chats(300, 1, "summarise"))
    found = verify(rows, run=tmp_path / "run", options=VerifyOptions(only=("parse", "row-format"), embed=False))
    split(found.run.path)
    return found.run.path


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_share_is_met_and_every_line_says_where_it_is_from(run: Path, tmp_path: Path) -> None:
    general = _file(tmp_path / "general.jsonl", _chats(400, 2, "answer"))
    told = mix(run, general, MixOptions(share=0.2))
    train, mixed = _lines(run / "train.jsonl"), _lines(run / "train.mixed.jsonl")
    assert len(mixed) - len(train) == told["rows_mixed_in"] == round(0.25 * len(train))
    assert abs(told["share"] - 0.2) < 0.01
    assert set(train) <= set(mixed)
    watched = _lines(run / "regression.jsonl")
    assert 50 < len(watched) <= 200
    assert not set(watched) & set(mixed)
    places = pq.read_table(run / "mix.parquet").to_pylist()
    assert [each["file"] for each in places] == ["train.mixed.jsonl"] * len(mixed) + ["regression.jsonl"] * len(watched)
    for line, place in zip([*mixed, *watched], places, strict=True):
        assert place["source"] == ("train" if line in set(train) else "general.jsonl")
    before = (run / "train.mixed.jsonl").read_bytes()
    assert mix(run, general, MixOptions(share=0.2)) == told
    assert (run / "train.mixed.jsonl").read_bytes() == before


def test_general_rows_that_stand_in_the_split_are_left_out(run: Path, tmp_path: Path) -> None:
    held = [json.loads(line) for line in _lines(run / "heldout.jsonl")]
    general = _file(tmp_path / "general.jsonl", [*held, *_chats(300, 3, "answer"), *_chats(20, 3, "answer")])
    told = mix(run, general)
    written = set(_lines(run / "train.mixed.jsonl")) | set(_lines(run / "regression.jsonl"))
    assert not written & set(_lines(run / "heldout.jsonl"))
    assert told["left_out_as_alike"] >= 20


def test_rows_of_another_chat_format_are_converted(run: Path, tmp_path: Path) -> None:
    rows = [
        {"instruction": row["messages"][0]["content"], "output": row["messages"][1]["content"]}
        for row in _chats(200, 4, "a")
    ]  # type: ignore[index]
    mix(run, _file(tmp_path / "alpaca.jsonl", rows))
    assert all("messages" in json.loads(line) for line in _lines(run / "train.mixed.jsonl"))


def test_what_cannot_be_mixed_says_why(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can be mixed in"):
        mix(run, _file(tmp_path / "few.jsonl", _chats(9, 5, "answer")))
    with pytest.raises(UsageError, match="general rows are text-label"):
        mix(run, _file(tmp_path / "labels.jsonl", [{"text": word, "label": "a"} for word in WORDS]))
    with pytest.raises(UsageError, match="share"):
        mix(run, tmp_path / "few.jsonl", MixOptions(share=0))
    (run / "split.json").unlink()
    with pytest.raises(UsageError, match="not split"):
        mix(run, tmp_path / "few.jsonl")


def test_readiness_tells_of_the_mix_and_the_gate_watches_its_files(run: Path, tmp_path: Path) -> None:
    assert main(
        ["split", str(run), "--no-embeddings", "--mix", str(_file(tmp_path / "g.jsonl", _chats(200, 6, "b")))]
    ) in (0, 1)
    answer = readiness(run, options=VerifyOptions(embed=False))
    assert answer.report.extra["mix"]["rows_mixed_in"] > 20  # type: ignore[index, call-overload]
    check(run)
    (run / "regression.jsonl").write_text("changed\n")
    with pytest.raises(NotFit, match=r"regression\.jsonl has changed"):
        check(run)
    assert load_split(RunFolder(run)) is not None
    split(run, SplitOptions(seed=5))
    assert not (run / "train.mixed.jsonl").exists()


def test_what_is_exported_to_train_on_is_the_mixed_file(run: Path, tmp_path: Path) -> None:
    readiness(run, options=VerifyOptions(embed=False))
    mix(run, _file(tmp_path / "g.jsonl", _chats(200, 6, "b")))
    with pytest.raises(UsageError, match="mixed into run after its readiness report"):
        export(run, "trl", anyway=True)
    readiness(run, options=VerifyOptions(embed=False))
    found = export(run, "axolotl", anyway=True)
    for part, file in (("train", "train.mixed.jsonl"), ("regression", "regression.jsonl")):
        written = [json.loads(line) for line in _lines(found.folder / f"{part}.jsonl")]
        assert written == [json.loads(line) for line in _lines(run / file)]
    assert found.told["mixed_in"] == len(_lines(run / "train.mixed.jsonl")) - len(_lines(run / "train.jsonl"))
    assert "regression" not in (found.folder / "axolotl.yaml").read_text()
    check(run)
