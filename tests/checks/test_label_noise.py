"""N01 as a whole: planted noise in made rows with the packaged encoder, and a public set with planted noise."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.looking import Skip, facts, freeze, look
from toolkit.core.types import Fact, Finding
from toolkit.near.encode import lazy_encoder

ASKS = {
    "refund": ["get my money back for", "return and be refunded for", "be paid back the cost of"],
    "delivery": ["know where the courier is with", "find out when you ship", "track the parcel with"],
    "broken": ["report a crack in", "say that nothing works on", "complain about a defect of"],
}
THINGS = ["the blue kettle", "a pair of boots", "two lamps", "my new phone", "the garden chair", "a winter coat"]
OPENERS = ["i want to", "please help me", "how can i", "i would like to", "can i"]


def _rows(wrong: int, seed: int = 0) -> tuple[list[dict[str, Any]], set[int]]:
    made = [
        {"text": f"{opener} {ask} {thing}", "label": label}
        for label, asks in ASKS.items()
        for ask in asks
        for thing in THINGS
        for opener in OPENERS
    ]
    rng = random.Random(seed)
    rng.shuffle(made)
    planted = set(rng.sample(range(len(made)), wrong))
    for at in planted:
        made[at]["label"] = rng.choice(sorted(set(ASKS) - {made[at]["label"]}))
    return made, planted


def test_planted_labels_are_found_and_named(tmp_path: Path) -> None:
    rows, planted = _rows(12)
    results = look("label-noise", freeze(rows, tmp_path / "rows"), encode=lazy_encoder())
    found = [each for each in results if isinstance(each, Finding)]
    flagged = {each.row for each in found if each.score >= 0.5}
    assert len(flagged & planted) >= 11
    assert len(flagged - planted) <= 2
    first = next(each for each in found if each.row in planted)
    assert first.evidence is not None
    assert set(first.evidence) == {"given", "suggested", "p_given", "p_suggested"}
    assert f"labelled '{first.evidence['given']}'" in first.message
    numbers = facts(results)
    assert numbers["probe accuracy", ""] > 0.9
    assert numbers["rows judged", ""] == len(rows)
    rate = next(each for each in results if isinstance(each, Fact) and each.name == "estimated noise rate")
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low <= len(planted) / len(rows) <= rate.high


def test_without_an_encoder_it_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(Skip, match="embeddings"):
        look("label-noise", freeze(_rows(0)[0], tmp_path / "rows"))


@pytest.mark.soak
def test_average_precision_on_public_noise(truth: Path, tmp_path: Path) -> None:
    folder = truth / "noisy_hwu64"
    rows, told = (_lines(folder / name) for name in ("data.jsonl.gz", "truth.jsonl.gz"))
    results = look("label-noise", freeze(rows, tmp_path / "rows"), encode=lazy_encoder())
    score = np.zeros(len(rows))
    for each in results:
        if isinstance(each, Finding):
            score[each.row] = each.score
    wrong = np.array([each["is_error"] for each in told])[np.argsort(-score, kind="stable")]
    assert (np.cumsum(wrong) / np.arange(1, len(wrong) + 1))[wrong].mean() >= 0.904


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
