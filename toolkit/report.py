"""The readiness report's values, from the ledger, the decision and the split's manifest. Opens no row."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.advise.record import load as load_advice
from toolkit.core import parts
from toolkit.core.policy import Policy
from toolkit.core.report import CheckLine, ClassLine, Example, Heldout, Lengths, Number, Part, Report
from toolkit.core.types import JSON
from toolkit.decide import Decision, Outcome
from toolkit.dry_run import load_told
from toolkit.judge import losses, ordered, reasons, verdict
from toolkit.sections import build as build_sections
from toolkit.split import load_mix
from toolkit.store.folder import RunFolder
from toolkit.store.ledger import Ledger

EXAMPLES = 6
ADVICE = ("advice", "branch", "why", "warnings", "would_change", "break_even")
CLASSES = 2000
UNCOVERED = [
    "whether an answer is true, beyond sums, code that does not parse, and quotes that are not in the document",
    "translations of held-out rows and benchmark items, and code with its identifiers renamed",
    "names and postal addresses, unless --set pii.names=true was given",
    "images, sound and other media",
]
"""What no check looks at: every report says so."""


class Facts:
    """The facts of a ledger by check and name; of two scopes the narrower one (split, kept, input) counts."""

    def __init__(self, ledger: Ledger) -> None:
        sql = """SELECT runs."check", runs.scope, f.name, f.value, f.unit, f."group", f.low, f.high FROM facts f
                 JOIN runs USING (run) ORDER BY runs.code, runs.scope, f.name, f."group" """
        self.rows = ledger.rows(sql)
        self._by_name: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in self.rows:
            self._by_name[row["check"], row["name"]][row["group"]] = row["value"]

    def one(self, check: str, name: str) -> float | None:
        """The fact's value where it has no group, else None."""
        return self._by_name.get((check, name), {}).get("")

    def groups(self, check: str, name: str) -> dict[str, float]:
        """The fact's values by group."""
        return self._by_name.get((check, name), {})


def build(ledger: Ledger, decision: Decision, policy: Policy, split: Any, run: Path) -> Report:
    """The report of one run. split: what `load_split` gives, None where there is no valid split. run: its folder.

    Pure but for the folder's mix.json and the time.
    """
    from importlib.metadata import version

    manifest = json.loads(ledger.meta("manifest") or "{}")
    facts = Facts(ledger)
    target = run.name if run.is_absolute() else run.as_posix()
    why = [
        replace(reason, remedy=reason.remedy.replace("RUN", target))
        for reason in ordered([*reasons(decision.outcomes, policy, manifest["format"]), *losses(decision)])
    ]
    sections = build_sections(decision, why, facts.rows, target)
    return Report(
        verdict=verdict(why).words,
        name=run.name,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        toolkit=version("finetune-toolkit"),
        policy=policy.name,
        format=manifest["format"],
        sources=manifest["sources"],
        records=decision.records,
        rows=decision.rows,
        kept=decision.kept,
        quarantined=len(decision.rejected),
        quarantine=_quarantine(decision),
        reasons=why,
        checks=_checks(decision, set(policy.needed(manifest["format"]))),
        examples=_examples(ledger, policy),
        parts=_parts(split),
        split=_figures(split),
        heldout=_heldout(facts),
        classes=_classes(facts),
        lengths=_lengths(facts),
        numbers=[*_numbers(facts), *_effective(ledger, policy, decision)],
        source_kinds={kind: int(n) for kind, n in facts.groups("balance", "rows by source kind").items()},
        not_looked=[[o.check, o.status, o.reason] for o in decision.outcomes if o.status != "ran"],
        missing=list(UNCOVERED),
        next=_next(sections.get("fixes"), split, target, verdict(why).words),
        extra={
            **_extra(ledger, manifest),
            **sections,
            **_made(ledger, manifest),
            **_mixed(run, split),
            **_advised(run),
        },
    )


def _extra(ledger: Ledger, manifest: dict[str, Any]) -> dict[str, Any]:
    """The encoder that was used, what the trainer that was asked for will train on, and what was said of the source."""
    found = {"encoder": ledger.meta("encoder"), "training": load_told(ledger)}
    found |= {name: manifest.get("options", {}).get(name) for name in ("licence", "source")}
    return {name: value for name, value in found.items() if value}


def _made(ledger: Ledger, manifest: dict[str, Any]) -> dict[str, JSON]:
    """How the rows were made, where they are those that `toolkit generate` left beside its summary."""
    summary = Path(ledger.meta("source") or "").parent / "generation.json"
    if not summary.is_file():
        return {}
    found = json.loads(summary.read_text(encoding="utf-8"))
    if found.get("schema") != 1 or found["files"].get("rows.jsonl") != manifest["sources"][0]["sha256"]:
        return {}
    return {"made": {name: found[name] for name in ("provider", "target", "candidates", "accepted", "waterfall")}}


def _mixed(run: Path, split: Any) -> dict[str, JSON]:
    """What general rows were mixed in, where they were."""
    found = load_mix(RunFolder(run), split)
    return {"mix": found} if found else {}


def _advised(run: Path) -> dict[str, JSON]:
    """The advice that `toolkit advise --data RUN` left, where it did."""
    found = load_advice(run)
    return {"advice": {name: found[name] for name in ADVICE}} if found else {}


def _quarantine(decision: Decision) -> list[Any]:
    """What rows left for, largest first. A row that several checks reject is counted by each of them."""
    found = []
    for each in decision.outcomes:
        found += [[each.check, kind.kind, kind.rejected] for kind in each.kinds if kind.rejected]
    return sorted(found, key=lambda line: (-line[2], line[0], line[1]))


def _checks(decision: Decision, needed: set[str]) -> list[CheckLine]:
    shelf = parts.parts("checks")
    return [_line(each, shelf, needed) for each in decision.outcomes]


def _line(each: Outcome, shelf: Mapping[str, Any], needed: set[str]) -> CheckLine:
    summary = (shelf[each.check].__doc__ or "").strip().split("\n")[0] if each.check in shelf else ""
    return CheckLine(
        check=each.check,
        code=each.code,
        scope=each.scope,
        status=each.status,
        reason=each.reason,
        seen=each.seen,
        total=each.total,
        flagged=each.flagged,
        flagged_kept=each.flagged_kept,
        rejected=each.rejected,
        level=each.level.name.lower(),
        level_input=each.level_input.name.lower(),
        kinds={kind.kind: [kind.flagged, kind.flagged_kept] for kind in each.kinds},
        summary=summary,
        needed=each.check in needed,
        tested=each.tested.words if each.tested else "",
    )


def _examples(ledger: Ledger, policy: Policy) -> list[Example]:
    """The surest findings of every kind that the policy counts, a few of each."""
    found: list[Example] = []
    for run in ledger.rows("""SELECT run, "check" FROM runs WHERE status = 'ran' ORDER BY code, scope"""):
        sql = """SELECT kind, ref, other_ref, score, message, excerpt FROM (SELECT *, row_number() OVER
                 (PARTITION BY kind ORDER BY score DESC, "row", other) AS place FROM findings
                 WHERE run = ? AND score >= ? AND "row" IS NOT NULL) WHERE place <= ? ORDER BY kind, place"""
        for row in ledger.rows(sql, [run["run"], policy.rule(run["check"]).flag_at, EXAMPLES]):
            values = (
                row["kind"],
                row["ref"] or "",
                row["other_ref"],
                row["score"],
                row["message"],
                row["excerpt"] or "",
            )
            found.append(Example(run["check"], *values))
    return found


def _parts(split: Any) -> list[Part]:
    if split is None:
        return []
    whole = sum(each["rows"] for each in split.manifest["parts"])
    return [
        Part(each["name"], each["rows"], each["rows"] / max(whole, 1), each["file"], each["sha256"])
        for each in split.manifest["parts"]
    ]


def _figures(split: Any) -> dict[str, Any]:
    return {} if split is None else {key: value for key, value in split.manifest.items() if key != "parts"}


def _heldout(facts: Facts) -> Heldout | None:
    rows = facts.one("heldout-size", "held-out rows")
    if rows is None:
        return None
    return Heldout(
        rows=int(rows),
        real=int(facts.one("heldout-size", "real held-out rows") or 0),
        n_eff=facts.one("heldout-size", "n_eff") or 0.0,
        smallest_gain=facts.one("heldout-size", "smallest detectable gain"),
        discordance=facts.one("heldout-size", "discordance") or 0.15,
        half_width=facts.groups("heldout-size", "half width").get("at 80%", 0.0),
        classes_reported=int(facts.one("heldout-size", "classes reported") or 0),
        classes_in_macro=int(facts.one("heldout-size", "classes in macro average") or 0),
        classes_not_measurable=int(facts.one("heldout-size", "classes not measurable") or 0),
    )


def _classes(facts: Facts) -> list[ClassLine]:
    rows = facts.groups("balance", "rows by class")
    held = facts.groups("heldout-size", "held-out rows by class")
    train = facts.groups("heldout-size", "train rows by class")
    ordered = sorted(rows, key=lambda name: (-rows[name], name))[:CLASSES]
    return [ClassLine(name, int(rows[name]), int(train.get(name, 0)), int(held.get(name, 0))) for name in ordered]


def _lengths(facts: Facts) -> list[Lengths]:
    found = []
    for name in ("text", "answer"):
        values = facts.groups("balance", f"{name} length")
        if values:
            found.append(Lengths(name, tuple(sorted((int(at[1:]), value) for at, value in values.items()))))
    return found


def _numbers(facts: Facts) -> list[Number]:
    shown: tuple[str, ...] = ("rows by", "length", "with rows", "by nearest", "rows: probe", "flagged pairs")
    if facts.one("label-audit", "audited noise rate") is not None:  # people looked: the probe's guess is void
        shown += ("estimated noise rate",)
    return [
        Number(row["name"], row["value"], row["unit"], row["group"], row["low"], row["high"], row["check"])
        for row in facts.rows
        if row["check"] != "self-test" and not any(word in row["name"] for word in shown)
    ]


def _effective(ledger: Ledger, policy: Policy, decision: Decision) -> list[Number]:
    """How many rows the input is worth when near-duplicates count once (Kish's design effect)."""
    rule = policy.rule("near-duplicate")
    sql = """SELECT f."row", f.other FROM findings f JOIN runs USING (run) WHERE runs."check" = 'near-duplicate'
             AND f.other IS NOT NULL AND f.score >= ? AND f.kind IN ('exact', 'near')"""
    pairs = ledger.query(sql, [rule.flag_at])
    outcome = decision.outcome("near-duplicate")
    if outcome is None or outcome.status != "ran" or not decision.rows:
        return []
    from toolkit.near.components import clusters
    from toolkit.stats.effective import effective_rows

    rows, first = clusters(pairs.column("row").to_numpy(), pairs.column("other").to_numpy())
    sizes = np.unique(first, return_counts=True)[1]
    alone = np.ones(decision.rows - len(rows), dtype=np.int64)
    worth = effective_rows(np.concatenate([sizes, alone]))
    return [Number("effective rows of the input", worth.n_eff, "rows", check="near-duplicate")]


def _next(fixes: Any, split: Any, target: str, answer: str) -> list[str]:
    """At most four commands or deeds: the fixes with the largest effect, then the export where it is allowed."""
    found = list(dict.fromkeys(each["try"] for each in fixes or ()))
    if split is not None and answer in ("READY", "READY WITH RISKS"):
        found.append(f"toolkit export {target} --to trl")
    return found
