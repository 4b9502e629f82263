"""One row explained: where it is now, what each check found in it, and what the policy makes of that."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.core import secrets
from toolkit.core.errors import InputError, closest
from toolkit.core.policy import CheckRule, Policy
from toolkit.core.types import JSON
from toolkit.decide import Decision, decide
from toolkit.findings import located, policy_of
from toolkit.places import Places
from toolkit.split import load_split
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, open_run
from toolkit.store.ledger import Ledger

SHOWN = ("ref", "own_id", "source", "position", "format", "body", "label", "source_kind", "group", "lineage", "row_id")
EVIDENCE_CAP = 2000
SCOPES = {"kept": "it looks at rows that stay", "split": "it looks at held-out rows"}


@dataclass(frozen=True, slots=True)
class Other:
    """The other row of a finding: a copy, a contradiction. excerpt: capped, secrets masked; None where not at hand."""

    ref: str
    row: str | None
    place: str | None
    excerpt: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """One finding about the row. counts: whether the policy counts it; rule: from which score it does, and what then.

    about: `row`, or `other` where the finding is about another row and names this one.
    """

    check: str
    code: str
    scope: str
    kind: str
    score: float
    counts: bool
    level: str
    rejects: bool
    rule: str
    message: str
    remedy: str
    about: str
    other: Other | None
    evidence: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that a run knows of one row. place: kept, quarantined; and train, dev or heldout of a split.

    silent: checks that looked at the row and found nothing. blind: those that did not look, with why.
    """

    run: str
    ref: str
    row: str | None
    source: str
    line: int | None
    format: str
    place: str
    part: str | None
    label: str | None
    excerpt: str
    found: Sequence[Told]
    silent: Sequence[str]
    blind: Sequence[Sequence[str]]
    source_kind: str
    group: str | None
    lineage: Mapping[str, JSON]


def why(row: str, run: str | Path, policy: Policy | None = None) -> Why:
    """What the run knows of one row.

    row: the row's own id, `line-N` or `row-N` as reports name it, a bare number N, or the toolkit's id.
    Raises InputError where the run has no such row, or several of that id.
    """
    folder = open_run(run)
    data = Dataset(folder.dataset)
    with Ledger(folder.ledger, read_only=True) as ledger:
        rules = policy or policy_of(ledger)
        decision = decide(ledger, rules)
        known = _Known(folder, data, located(folder)("input"), decision, _parts(folder, decision))
        ordinal = _ordinal(row, data, known.places)
        told = known.row(ordinal)
        runs = ledger.rows("SELECT * FROM runs ORDER BY code, scope, run")
        looked = [each for each in runs if each["status"] == "ran"]
        found = [told for each in looked for told in _found(ledger, each, ordinal, rules, known)]
    place = "quarantined" if known.gone(ordinal) else "kept"
    mine = [each for each in looked if _in_scope(each["scope"], place, known.part(ordinal))]
    if ordinal in known.places.unread:
        mine = [each for each in mine if each["check"] == "parse"]
    named = {(each.check, each.scope) for each in found}
    lineage = json.loads(told["lineage"]) if told.get("lineage") else {}
    return Why(
        run=str(folder.path),
        ref=told["ref"],
        row=known.places.row_id(ordinal),
        source=told["source"],
        line=known.places.line(ordinal),
        format=told.get("format") or "not a row",
        place=place,
        part=known.part(ordinal),
        label=told.get("label"),
        excerpt=told["excerpt"],
        found=found,
        silent=list(dict.fromkeys(x["check"] for x in mine if (x["check"], x["scope"]) not in named)),
        blind=_blind(runs, mine),
        source_kind=told.get("source_kind") or "",
        group=told.get("group"),
        lineage={name: _masked(value) for name, value in lineage.items()},
    )


def _in_scope(scope: str, place: str, part: str | None) -> bool:
    """Whether a run of that scope looked at the row."""
    return scope == "input" or (scope == "kept" and place == "kept") or (scope == "split" and part == "heldout")


def _blind(runs: Sequence[dict[str, Any]], mine: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Checks that did not look at the row: they could not look at all, or not at rows of its place."""
    looked = {each["check"] for each in mine}
    found = []
    for each in runs:
        if each["check"] not in looked:
            reason = each["reason"] or SCOPES.get(each["scope"], "it looks at what became a row")
            found.append([each["check"], each["status"] if each["status"] != "ran" else "elsewhere", reason])
    return found


@dataclass(frozen=True)
class _Known:
    """The rows of a run with their places. parts: the part of the split by ordinal."""

    folder: RunFolder
    data: Dataset
    places: Places
    decision: Decision
    parts: Mapping[int, str]

    def gone(self, ordinal: int) -> bool:
        at = self.decision.rejected.searchsorted(ordinal)
        return bool(at < len(self.decision.rejected) and self.decision.rejected[at] == ordinal)

    def part(self, ordinal: int) -> str | None:
        return self.parts.get(ordinal)

    def place(self, ordinal: int) -> str:
        return "quarantined" if self.gone(ordinal) else (self.part(ordinal) or "kept")

    def row(self, ordinal: int) -> dict[str, Any]:
        """The shown columns of one record, its text as an excerpt."""
        wanted = pa.array([ordinal], pa.int64())
        for batch in self.data.batches(SHOWN):
            found = batch.filter(pc.is_in(batch.column("row"), value_set=wanted)).to_pylist()
            if found:
                return {**found[0], "excerpt": secrets.excerpt((found[0].pop("body") or "")[:4000], 400)}
        rejects = self.data.rejects()
        (record,) = rejects.filter(pc.is_in(rejects.column("row"), value_set=wanted)).to_pylist()
        text = record["raw"][:4000].decode("utf-8", "replace")
        return {"ref": record["ref"], "source": record["source"], "excerpt": secrets.excerpt(text, 400)}


def _parts(folder: RunFolder, decision: Decision) -> dict[int, str]:
    if load_split(folder, decision.stays) is None:
        return {}
    from toolkit.split.result import PLACES

    table = pq.read_table(folder.path / PLACES, columns=["row", "part"])
    return dict(zip(table.column("row").to_pylist(), table.column("part").to_pylist(), strict=True))


def _ordinal(name: str, data: Dataset, known: Places) -> int:
    """The record that a name means: a ref first, then an own id, the toolkit's id, a bare line or row number."""
    refs = _by_ref(data, name)
    if not refs and re.fullmatch(r"[0-9a-f]{16}(-\d+)?", name):
        refs = [at for at in range(len(known.hash)) if known.row_id(at) == name]
    if not refs and re.fullmatch(r"(?:(?:line|row)-)?\d+", name):
        number = int(name.rpartition("-")[2])
        refs = [at for at, position in enumerate(known.position.tolist()) if position == number]
    if not refs:
        what = f"{data.folder.parent.name} has no row '{name}'{closest(name, _some_refs(data))}"
        raise InputError(
            what, "name a row as in `toolkit findings RUN`: its own id, line-N, row-N, or the toolkit's id"
        )
    if len(refs) > 1:
        ids = ", ".join(str(known.row_id(at)) for at in refs[:5])
        raise InputError(f"{len(refs):,} rows are called '{name}'", f"name one by the toolkit's id: {ids}")
    return int(refs[0])


def _by_ref(data: Dataset, name: str) -> list[int]:
    found: list[int] = []
    for batch in data.batches(("ref",)):
        found += batch.filter(pc.equal(batch.column("ref"), name)).column("row").to_pylist()
    rejects = data.rejects()
    found += rejects.filter(pc.equal(rejects.column("ref"), name)).column("row").to_pylist()
    return found


def _some_refs(data: Dataset) -> list[str]:
    batch = next(iter(data.batches(("ref",), size=2000)), None)
    return [] if batch is None else [each for each in batch.column("ref").to_pylist() if each]


def _found(ledger: Ledger, run: dict[str, Any], ordinal: int, rules: Policy, known: _Known) -> list[Told]:
    """The findings of one run about the row, or that name it as the other."""
    # The findings of a split with given held-out rows are about rows of another data set.
    if run["scope"] == "split" and known.parts.get(ordinal) != "heldout":
        return []
    sql = """SELECT * FROM findings WHERE run = ? AND ("row" = ? OR (other = ? AND "row" IS NOT NULL))
             ORDER BY score DESC, "row" LIMIT 50"""
    rule = rules.rule(run["check"])
    return [_told(run, each, ordinal, rule, known) for each in ledger.rows(sql, [run["run"], ordinal, ordinal])]


def _told(run: dict[str, Any], each: dict[str, Any], ordinal: int, rule: CheckRule, known: _Known) -> Told:
    kind = rule.kinds.get(each["kind"])
    counts = each["score"] >= rule.flag_at and (kind is None or kind.flag)
    rejects = rule.reject if kind is None or kind.reject is None else kind.reject
    outcome = next(x for x in known.decision.outcomes if (x.check, x.scope) == (run["check"], run["scope"]))
    level = next(
        (x.level_input for x in outcome.kinds if x.kind == each["kind"] and x.level_input), outcome.level_input
    )
    is_about = each["row"] == ordinal
    remedy = (kind.remedy if kind is not None and kind.remedy else rule.remedy).replace("RUN", str(known.folder.path))
    return Told(
        check=run["check"],
        code=run["code"],
        scope=run["scope"],
        kind=each["kind"],
        score=round(each["score"], 6),
        counts=counts,
        level=level.name.lower() if counts else "ok",
        rejects=bool(rejects and counts and is_about and known.gone(ordinal)),
        rule=_rule(rule, rejects),
        message=each["message"],
        remedy=remedy,
        about="row" if is_about else "other",
        other=_other(each, known, is_about=is_about, scope=run["scope"]),
        evidence=_evidence(each["evidence"]),
    )


def _rule(rule: CheckRule, rejects: bool) -> str:
    """The policy's rule in words."""
    if rejects and rule.keep_one:
        return f"counts from {rule.flag_at:g}; the row leaves while its partner stays"
    return f"counts from {rule.flag_at:g}; {'the row leaves' if rejects else 'the row stays, for review'}"


def _other(each: dict[str, Any], known: _Known, *, is_about: bool, scope: str) -> Other | None:
    ordinal, ref = (each["other"], each["other_ref"]) if is_about else (each["row"], each["ref"])
    if ordinal is None:
        return None
    if scope == "split" or not 0 <= ordinal < len(known.places.hash):
        return Other(ref or "", None, None, None)
    return Other(ref or "", known.places.row_id(ordinal), known.place(ordinal), known.row(ordinal)["excerpt"])


def _evidence(text: str | None) -> dict[str, JSON]:
    found = json.loads(text) if text and len(text) <= EVIDENCE_CAP else {}
    if text and not found:
        return {"size": len(text)}
    return {name: _masked(value) for name, value in found.items()} if isinstance(found, dict) else {"value": found}


def _masked(value: Any) -> Any:
    """A value with the secrets and personal data in its texts masked."""
    if isinstance(value, str):
        return secrets.excerpt(value, 200)
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value
