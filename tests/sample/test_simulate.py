"""The simulation: it claims what is there, and nothing else; and the command as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.cli import main
from toolkit.core.errors import UsageError
from toolkit.renderers import queue as shown
from toolkit.sample import SampleOptions, simulate_on
from toolkit.sample.simulate import Gain, Simulated, Trial


class Given:
    """An encoder of texts whose vectors are given."""

    identity = "given"

    def __init__(self, vectors: dict[str, np.ndarray]) -> None:
        self.vectors = vectors

    def __call__(self, texts: Any) -> np.ndarray:
        return np.stack([self.vectors[text] for text in texts])


def _data(n: int, label: Any, seed: int = 0) -> tuple[list[dict[str, str]], Given]:
    rng = np.random.default_rng(seed)
    texts = ["".join(chr(97 + at) for at in rng.integers(26, size=30)) for _ in range(n)]
    vectors = rng.normal(size=(n, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [{"text": text, "label": label(vector, rng)} for text, vector in zip(texts, vectors, strict=True)]
    return rows, Given(dict(zip(texts, vectors, strict=True)))


def test_labels_by_chance_give_no_gain_to_claim() -> None:
    rows, encode = _data(400, lambda vector, rng: "ab"[int(rng.integers(2))])
    found = simulate_on(rows, batch=20, encode=encode)
    assert [each.strategy for each in found.trials] == ["random", "margin", "hard-cover"]
    assert all(each.gain.low <= 0 <= each.gain.high for each in found.trials)
    assert "no gain shown" in shown.simulated(found)
    assert not any(each["claim"] for each in shown.simulated_json(found)["trials"])


def test_a_real_gain_is_claimed() -> None:
    """A rare class, which random draws hardly see, beside a common one."""

    def label(vector: np.ndarray, rng: np.random.Generator) -> str:
        return "rare" if vector[0] > 0.45 else "common"

    rows, encode = _data(900, label)
    found = simulate_on(rows, batch=20, options=SampleOptions("hard-cover"), encode=encode)
    ours = found.trials[-1]
    assert ours.gain.shown and ours.macro_gain.shown
    assert ours.gain.mean == pytest.approx(ours.area - found.trials[0].area, abs=0.02)
    assert "a gain over random" in shown.simulated(found)


def test_a_gain_whose_interval_reaches_zero_is_none() -> None:
    assert not Gain(0.02, 0.0, 0.04).shown
    assert Gain(0.02, 0.001, 0.04).shown
    worse = Gain(-0.02, -0.03, -0.01)
    trial = Trial("margin", (0.5, 0.6), 0.55, 0.5, None, worse, worse)
    assert "worse than random" in shown.simulated(Simulated((trial,), (10, 20), 0.9, 30, 10, 5, 2))


def test_what_cannot_carry_a_figure_is_refused() -> None:
    rows, encode = _data(120, lambda vector, rng: "ab"[int(rng.integers(2))])
    with pytest.raises(UsageError, match="cannot carry an interval"):
        simulate_on(rows, seeds=2, encode=encode)
    with pytest.raises(UsageError, match="90 labelled rows"):
        simulate_on(rows[:90], encode=encode)
    with pytest.raises(UsageError, match="1 classes"):
        simulate_on([{**row, "label": "a"} for row in rows], encode=encode)


def _pool(path: Path) -> Path:
    words = ("invoice", "parcel", "password", "refund", "charge", "courier", "login", "money")
    rng = np.random.default_rng(0)
    rows = [{"id": f"p{at}", "text": f"{' '.join(rng.choice(words, 4))} {rng.integers(10**9)}"} for at in range(80)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_command_writes_a_queue_and_says_it_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = str(_pool(tmp_path / "pool.jsonl"))
    code = main(["sample", pool, "-n", "10", "--encoder", "hashed-words", "--to", "csv", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and told["rows"] == 10 and told["strategy"] == "cover"
    assert Path(told["queue"]).is_file() and Path(told["files"][0]).is_file()
    assert main(["sample", pool, "-n", "10", "--encoder", "hashed-words", "--for", "heldout"]) == 0
    assert "chosen by chance: 10 audit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--strategy", "hardest"], "unknown sampler 'hardest'"),
        (["--to", "excel"], "unknown tool 'excel'"),
        (["--for", "dev"], "a queue for 'dev'"),
        (["-n", "0"], "a queue of 0 rows"),
        (["--train", "nowhere.jsonl"], "does not exist"),
        (["--asked", "nowhere.jsonl"], "cannot be read"),
        (["--vectors", "nowhere.npy"], "no array of vectors"),
        (["--simulate"], "0 labelled rows"),
        (["--error", "nowhere.jsonl"], "is no row of a queue"),
    ],
)
def test_what_is_wrong_is_two_lines(more: list[str], words: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["sample", str(_pool(tmp_path / "pool.jsonl")), "--encoder", "hashed-words", *more]) == 2
    said = capsys.readouterr().err
    assert words in said and said.startswith("error: ") and "\ntry: " in said and "Traceback" not in said


def test_an_empty_pool_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    assert main(["sample", str(tmp_path / "empty.jsonl"), "--encoder", "hashed-words"]) == 2
    assert "no row that can be read" in capsys.readouterr().err
