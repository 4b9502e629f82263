"""Queues that the tests of the page ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.sample.queue import QueueRow, content_hash, write_queue

CLASSES = ("cancel", "damaged", "late", "refund")


def row(rank: int, text: str, kind: str = "class", **more: Any) -> QueueRow:
    told: dict[str, Any] = {
        "group": "hard", "hardness": 0.9, "probability": None, "n_similar": 3,
        "nearest": {"id": "r1", "label": "damaged", "text": "The box came broken.", "similarity": 0.81},
        "reason": "between 'refund' (41%) and 'damaged' (38%)", "draft": {"label": "refund", "confidence": 0.41},
        "row": {"text": text[:50]},
    }  # fmt: skip
    told |= more
    return QueueRow(rank=rank, id=f"q{rank}", hash=content_hash(text), kind=kind, text=text, **told)


def queue(folder: Path, rows: Sequence[QueueRow], classes: Sequence[str] = CLASSES) -> Path:
    """A folder as `toolkit sample` leaves it; returns the queue."""
    folder.mkdir(parents=True, exist_ok=True)
    write_queue(rows, folder / "queue.jsonl")
    (folder / "queue.json").write_text(json.dumps({"classes": list(classes)}), encoding="utf-8")
    return folder / "queue.jsonl"


def usual(folder: Path, n: int = 4) -> Path:
    return queue(folder, [row(at, f"My order {'very ' * at}late") for at in range(1, n + 1)])


def logged(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
