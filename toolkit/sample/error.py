"""How often the model is wrong in real use, told by those rows of the queue that were drawn by chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.sample.queue import QueueRow, read_queue
from toolkit.stats.sampling import Estimate, rate_by_size
from toolkit.store import labels
from toolkit.store.object_lines import object_lines

LEAST = 5


def production_error(queue: Path, answers: Path) -> Estimate:
    """The share of the pool's new requests on which the draft label is wrong, with its 95 % interval.

    answers: JSON lines with `id`, `hash` and `label`, or the decisions of `toolkit label`. Rows near
    labelled or held-out ones are not part of it: they were never in the draw. Rows without an answer are
    left out, as if they had not been drawn.
    Raises InputError where fewer than 5 audit rows have a draft label and an answer, or an answer is to
    another text.
    """
    rows = {row.id: row for row in read_queue(queue) if row.group == "audit" and row.probability is not None}
    given = _answers(answers, rows)
    judged = [
        (rows[ref], label) for ref, label in given.items() if rows[ref].draft and "label" in (rows[ref].draft or {})
    ]
    if len(judged) < LEAST:
        what = f"{len(judged)} of {len(rows)} audit rows have a draft label and an answer"
        raise InputError(what, f"answer {LEAST} or more of the rows whose group is audit")
    wrong = [str((row.draft or {})["label"]) != label for row, label in judged]
    total = _total(queue)
    return rate_by_size(
        wrong, [row.n_similar for row, _ in judged], [row.probability or 0.0 for row, _ in judged], total
    )


def _total(queue: Path) -> float:
    """The requests that the draw was made from."""
    path = queue.parent / "queue.json"
    try:
        return float(orjson.loads(path.read_bytes())["requests"])
    except (OSError, ValueError, KeyError) as failure:
        raise InputError(
            f"{path} does not say what was drawn from", "name the folder that `toolkit sample` wrote"
        ) from (failure)


def _answers(path: Path, rows: Mapping[str, QueueRow]) -> dict[str, str]:
    """The label of each audit row that the file names."""
    found: dict[str, str] = {}
    for where, value in _lines(path):
        ref = str(value.get("id"))
        if ref not in rows or value.get("label") in (None, ""):
            continue
        if "hash" in value and value["hash"] != rows[ref].hash:
            raise InputError(f"{where}: the answer to {ref} is to another text", "answer the rows of this queue")
        if found.setdefault(ref, str(value["label"])) != str(value["label"]):
            raise InputError(f"{where}: {ref} has two answers", "merge several annotators first: toolkit label")
    return found


def _lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    if labels.is_labels(path):
        decided = labels.current(labels.read(path)).values()
        return [(path.name, {"id": each.id, "hash": each.hash, "label": each.value}) for each in decided]
    found = object_lines(path, name="name a file of answers", form="one answer a line")
    return [(f"{path.name}, line {at}", value) for at, value in found]
