"""The whole story on rows that the toolkit makes: offline, without a key, with defects planted and counted.

Tickets come from the grammar, and questions with computed answers from the procedural generator;
known defects are planted; verify, split, readiness and export run as they would on anyone's file,
and what they found is set against what was planted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.share import shipped
from toolkit.export import Exported, export
from toolkit.findings import findings
from toolkit.generate import generate
from toolkit.generate.defects import Dirty, plant
from toolkit.read import Progress
from toolkit.readiness import Readiness, readiness
from toolkit.store.ledger import Ledger
from toolkit.verify import VerifyOptions, verify
from toolkit.write import whole_file

TICKETS = 900
QUESTIONS = 60
EVAL = 60
FOUND_BY: Mapping[str, tuple[str, ...]] = {
    "exact-duplicate": ("exact-duplicate",),
    "near-duplicate": ("near-duplicate",),
    "number-variant": ("near-duplicate",),
    "swapped-label": ("label-noise", "conflict"),
    "empty-text": ("empty-answer",),
    "leak": ("leak",),
    "secret": ("secret",),
    "broken-line": ("parse",),
}
"""The checks that answer for each kind of planted defect."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of defect: how many were planted, how many of them were found, and by which checks."""

    kind: str
    planted: int
    found: int
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Demo:
    """What the demo left: the rows as they were made, what was found, the verdict, the export."""

    data: Path
    kinds: list[Kind]
    answer: Readiness
    exported: Exported


def demo(folder: str | Path = "runs/demo", *, seed: int = 7, progress: Progress | None = None) -> Demo:
    """Run the demo in `folder`; the same seed gives the same rows, findings and split."""
    home = Path(folder)
    data, evals = home / "tickets.jsonl", home / "eval.jsonl"
    dirty = _make(home, seed, data, evals)
    verified = verify(data, run=home, against=[evals], options=VerifyOptions(), progress=progress)
    answer = readiness(verified.run.path, progress=progress)
    kinds = list(_found(verified.run.ledger, dirty))
    return Demo(data, kinds, answer, export(home, "messages", anyway=True))


def _make(home: Path, seed: int, data: Path, evals: Path) -> Dirty:
    recipes = shipped("pipelines") / "recipes"
    tickets = generate(recipes / "support_tickets.yaml", rows=TICKETS + EVAL, out=home / "made" / "tickets", seed=seed)
    asked = generate(recipes / "questions.yaml", rows=QUESTIONS, out=home / "made" / "questions", seed=seed)
    rows = [_named(row, "ticket", at) for at, row in enumerate(_rows(tickets.rows))]
    rows += [_named(_as_ticket(row), "question", at) for at, row in enumerate(_rows(asked.rows))]
    heldout, rows = _apart(rows)
    dirty = plant(rows, heldout=heldout, seed=seed)
    with whole_file(data) as file:
        file.write(b"".join(line + b"\n" for line in dirty.lines))
    with whole_file(evals) as file:
        file.write(b"".join(orjson.dumps(row) + b"\n" for row in heldout))
    with whole_file(home / "planted.jsonl") as file:
        file.write(dirty.truth_json())
    return dirty


def _apart(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to evaluate on, and the others: no template of the grammar makes rows of both."""
    kept_back: dict[str, str] = {}
    for row in rows:
        kept_back.setdefault(row["label"], row["lineage"].get("template", ""))
    away = [bool(kept_back[row["label"]]) and row["lineage"].get("template") == kept_back[row["label"]] for row in rows]
    heldout = [row for row, is_away in zip(rows, away, strict=True) if is_away][:EVAL]
    return heldout, [row for row, is_away in zip(rows, away, strict=True) if not is_away]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


def _named(row: dict[str, Any], kind: str, at: int) -> dict[str, Any]:
    return {"id": f"{kind}-{at:04d}", **row}


def _as_ticket(row: dict[str, Any]) -> dict[str, Any]:
    """A question as a ticket of the class for questions with a computed answer."""
    return {"text": row["prompt"], "label": "calculation", "lineage": row["lineage"]}


def _found(ledger_path: Path, dirty: Dirty) -> Iterator[Kind]:
    with Ledger(ledger_path, read_only=True) as ledger:
        flagged: dict[str, set[str]] = {}
        for line in findings(ledger):
            touches = flagged.setdefault(line["check"], set())
            if line["flag"] or line["kind"] == "number-variant":
                touches |= {str(line["id"]), str(line.get("other"))}
    for kind, checks in FOUND_BY.items():
        planted = [each for each in dirty.truth if each.kind == kind]
        seen: set[str] = set().union(*(flagged.get(check, set()) for check in checks))
        hits = sum(each.id in seen or f"line-{each.line}" in seen for each in planted)
        yield Kind(kind, len(planted), hits, checks)
