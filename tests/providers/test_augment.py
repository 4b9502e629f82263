"""Rewrites keep the label, name their parent and are the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.generate.scripted import rows_of, run_of
from toolkit.core.errors import ProviderError
from toolkit.providers.augment import CHANGES, AugmentProvider
from toolkit.store.journal import events

SEEDS = [
    {"id": "r1", "text": "I do not want this lamp. It is broken. Send my money back.", "label": "refund"},
    {"id": "r2", "text": "The kettle isn't what I ordered. I would like a refund of 25 euros.", "label": "refund"},
    {"id": "t1", "text": "Where is my parcel? The courier did not come on Monday.", "label": "track"},
    {"id": "t2", "text": "It is ten days now. Could you say where the order is?", "label": "track"},
]


def seeds() -> dict[str, object]:
    Path("seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SEEDS))
    return {"seeds": {"path": "seeds.jsonl"}, "check": ["schema", "label", {"dedupe": {"mask_numbers": True}}]}


def test_rewrites_carry_their_parents_label_and_name_it() -> None:
    found = run_of(target={"rows": 16, "max_candidates": 400}, **seeds(), model={"use": "augment"}).run()
    assert found.complete, found.stops
    parents = {row["id"]: row for row in SEEDS}
    for row in rows_of(found.folder):
        assert row["lineage"]["source_kind"] == "augment"
        parent = parents[row["lineage"]["parents"][0]]
        assert row["label"] == parent["label"]
        assert row["text"] != parent["text"]


def test_every_change_keeps_the_numbers_and_differs_somewhere() -> None:
    provider = AugmentProvider(changes=1)
    for row in SEEDS:
        made = {provider.rewritten(row["text"], nth) for nth in range(60)}
        assert len(made) >= 8
        assert all("25" in text for text in made if "25" in row["text"])
    assert set(CHANGES) == {"contracted", "spelled out", "greeted", "closed", "lower", "moved", "typo"}
    assert provider.rewritten(SEEDS[0]["text"], 7) == AugmentProvider(changes=1).rewritten(SEEDS[0]["text"], 7)
    assert provider.rewritten("", 3) is not None


def test_without_rows_to_rewrite_it_says_so() -> None:
    with pytest.raises(ProviderError, match="under `seeds`"):
        run_of(model={"use": "augment"}).run()
    assert sum(event["e"] == "reply" for event in events(Path("runs/scripted/journal.jsonl"))) == 0
