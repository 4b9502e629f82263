"""The rows of a run in which checks found something, as questions: keep, drop or fix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolkit.core.errors import InputError, unknown
from toolkit.decide import Decision, decide
from toolkit.findings import of_run, policy_of
from toolkit.label.page.tasks import Board, Task
from toolkit.places import Places, places
from toolkit.review import asked
from toolkit.store.dataset import Dataset
from toolkit.store.folder import open_run
from toolkit.store.ledger import Ledger

MOST = 2_000
NAMED = 3
FATES = {
    False: "It stays: the policy leaves it to you.",
    True: "It leaves: the policy rejects it. A decision here is one about the file it came from.",
}


@dataclass(slots=True)
class Found:
    """What the policy counts in one row: the gravest level, the best score, and the rows it is like.

    said: for each check and message the names of the rows that it speaks of. checks: their versions.
    """

    level: int = 0
    score: float = 0.0
    said: dict[str, list[str]] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    others: list[int] = field(default_factory=list)

    def words(self) -> str:
        """A line a message."""
        return "\n".join(f"{message}{_named(names)}" for message, names in self.said.items())


def of_findings(run: str, checks: Sequence[str] = (), guideline: str = "") -> Board:
    """The 2,000 rows most worth a decision: those that stay first, the gravest findings first.

    checks: of these alone. Findings about the data set, the held-out rows or records that are no rows are
    not asked. Raises InputError where there is nothing to ask, UsageError for a check that did not run.
    """
    folder = open_run(run)
    data = Dataset(folder.dataset)
    with Ledger(folder.ledger, read_only=True) as ledger:
        decision = decide(ledger, policy_of(ledger))
        found = _found(ledger, decision, places(data), checks)
    rejected = set(decision.rejected.tolist())
    order = sorted(found, key=lambda row: (row in rejected, -found[row].level, -found[row].score, row))[:MOST]
    if not order:
        what = f"{folder.path} has no finding of a row that counts"
        raise InputError(what, f"toolkit findings {run} lists all; --check names one")
    name = f"{folder.path.name}: findings" + (f", {MOST:,} of {len(found):,} rows" if len(found) > MOST else "")
    return Board.of(name, list(_tasks(data, order, found, rejected)), guideline=guideline)


def _found(ledger: Ledger, decision: Decision, where: Places, checks: Sequence[str]) -> dict[int, Found]:
    """What is found in each row, by its ordinal."""
    rules, levels = policy_of(ledger), _levels(decision)
    runs = ledger.rows("""SELECT run, "check", scope, version FROM runs WHERE status = 'ran' AND scope <> 'split'
                          ORDER BY code, scope, run""")
    for name in checks:
        if name not in {each["check"] for each in runs}:
            raise unknown("check", name, {each["check"] for each in runs})
    found: dict[int, Found] = {}
    for each in runs:
        if checks and each["check"] not in checks:
            continue
        for line, (row, other) in of_run(ledger, each, rules.rule(each["check"]), where):
            if row is not None and line["flag"]:
                told = found.setdefault(row, Found())
                told.checks[line["check"]] = each["version"]
                told.level = max(told.level, levels.get((line["check"], line["kind"]), 0))
                told.score = max(told.score, line["score"])
                names = told.said.setdefault(f"{line['check']}: {line['message']}", [])
                if other is not None:
                    names.append(line["other"])
                    told.others.append(other)
    return found


def _levels(decision: Decision) -> dict[tuple[str, str], int]:
    """How grave each kind of finding is, by check and kind."""
    return {
        (told.check, kind.kind): int(kind.level_input or told.level_input)
        for told in decision.outcomes
        for kind in told.kinds
    }


def _named(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f" ({', '.join(names[:NAMED])}{more})"


def _tasks(data: Dataset, order: list[int], found: dict[int, Found], rejected: set[int]) -> Iterator[Task]:
    near = {other for row in order for other in found[row].others[:NAMED]}
    held = _rows(data, {*order, *near})
    for row in order:
        if row not in held:  # a record that could not become a row
            continue
        told = held[row]
        yield Task(
            told["row_id"],  # rows may share an id of their own, which is itself a finding
            asked(told["row_id"], found[row].checks),
            "finding",
            told["body"] or told["raw"],
            where=f"{told['ref']}" + (f", labelled {told['label']}" if told["label"] else ""),
            reason=found[row].words(),
            draft={"row": json.dumps(json.loads(told["raw"]), ensure_ascii=False, indent=2)},
            nearest=tuple(_near(held[other]) for other in found[row].others[:NAMED] if other in held),
            fate=FATES[row in rejected],
        )


def _near(other: dict[str, Any]) -> dict[str, Any]:
    words = other["ref"] + (f", labelled {other['label']}" if other["label"] else "")
    return {"words": words, "text": other["body"] or other["raw"], "label": None}


def _rows(data: Dataset, wanted: set[int]) -> dict[int, dict[str, Any]]:
    """The columns that are shown, by the ordinals of the rows."""
    ordinals = np.array(sorted(wanted), np.int64)
    held: dict[int, dict[str, Any]] = {}
    for batch in data.batches(("ref", "row_id", "body", "label", "raw")):
        chosen = np.flatnonzero(np.isin(batch.column("row").to_numpy(), ordinals))
        held |= {each["row"]: each for each in batch.take(chosen).to_pylist()}
    return held
