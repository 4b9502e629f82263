"""From what was found to what is done: a pure function of the ledger and the policy.

No file but the ledger, no clock, no chance: the same two give the same decision, and a changed
policy decides again without looking again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from toolkit.core.planting import Tested
from toolkit.core.policy import CheckRule, LevelName, Policy, reached
from toolkit.core.types import Level, Status
from toolkit.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding of one check: how many rows the policy flags, in all and among those that stay.

    message: of the surest finding; varied: whether others, of several rows, say something else. own: whether the
    policy has levels for it alone; the other kinds of a check are counted together.
    """

    kind: str
    message: str
    findings: int
    flagged: int
    flagged_kept: int
    rejected: int
    level: Level
    level_input: Level
    remedy: str
    own: bool = False
    varied: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check came to. flagged counts distinct rows; total is what it looked at, kept_total what stays of it.

    level speaks of the rows that stay and goes into the verdict; level_input of the whole input. tested: how it
    did in the self-test, None where it was not in one. confused: pairs of classes as `given -> likelier` and the rows
    flagged for each, most first. together: the distinct rows flagged for kinds without levels of their own, in all and
    among those that stay.
    """

    check: str
    code: str
    scope: str
    status: Status
    reason: str
    seen: int
    total: int
    kept_total: int
    seconds: float
    flagged: int
    flagged_kept: int
    rejected: int
    level: Level
    level_input: Level
    kinds: tuple[Kind, ...]
    remedy: str
    tested: Tested | None = None
    confused: tuple[tuple[str, int], ...] = ()
    together: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Decision:
    """Which records leave and what each check came to.

    records: all that were read. rows: those that became rows. rejected: ordinals of records that
    leave, sorted, int64; records that never were rows are among them.
    """

    records: int
    rows: int
    rejected: np.ndarray
    outcomes: tuple[Outcome, ...]

    @property
    def kept(self) -> int:
        return self.records - len(self.rejected)

    @property
    def stays(self) -> np.ndarray:
        """Ordinals of the rows that stay, sorted, int64."""
        return np.setdiff1d(np.arange(self.records, dtype=np.int64), self.rejected)

    def outcome(self, check: str) -> Outcome | None:
        return next((each for each in self.outcomes if each.check == check), None)


NOBODY = np.array([], dtype=np.int64)


@dataclass(slots=True)
class _Found:
    """The flagged findings of one run as arrays, shape (n,); other is -1 where there is none."""

    run: int
    check: str
    rule: CheckRule
    row: np.ndarray
    other: np.ndarray
    kind: np.ndarray
    messages: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    dataset_kinds: dict[str, str] = field(default_factory=dict)
    varied: set[str] = field(default_factory=set)


def decide(ledger: Ledger, policy: Policy) -> Decision:
    """The decision that the policy makes of the ledger."""
    runs = ledger.rows("SELECT * FROM runs ORDER BY code, scope, run")
    found = {run["run"]: _found(ledger, run, _rule(policy, run["check"], runs)) for run in runs}
    records, rows, unread = _sizes(ledger)
    inputs = [found[run["run"]] for run in runs if run["scope"] == "input"]
    rejected, by_run = _rejected(inputs, unread)
    stays = ~np.isin(np.arange(records), rejected)
    tested, confused = _tested(ledger), _confused(ledger)
    outcomes = tuple(
        replace(
            _outcome(run, found[run["run"]], stays, by_run.get(run["run"], NOBODY)),
            tested=tested.get(run["check"]),
            confused=confused.get(run["run"], ()),
        )
        for run in runs
    )
    return Decision(records, rows, rejected, outcomes)


def _tested(ledger: Ledger) -> dict[str, Tested]:
    """What the self-test measured, by check."""
    sql = """SELECT f.name, f."group", f.value, f.low, f.high FROM facts f JOIN runs USING (run)
             WHERE runs."check" = 'self-test' AND f.name IN ('planted', 'recall', 'precision')"""
    found: dict[tuple[str, str], dict[str, Any]] = {(each["name"], each["group"]): each for each in ledger.rows(sql)}
    tested = {}
    for (name, check), recall in found.items():
        if name == "recall":
            planted, precision = found["planted", check]["value"], found.get(("precision", check), {}).get("value")
            tested[check] = Tested(int(planted), recall["value"], recall["low"], recall["high"], precision)
    return tested


def _confused(ledger: Ledger) -> dict[int, tuple[tuple[str, int], ...]]:
    """The pairs of classes that a run took for each other, most rows first."""
    sql = """SELECT run, "group", value FROM facts WHERE name = 'flagged pairs' ORDER BY run, value DESC, "group" """
    found: dict[int, list[tuple[str, int]]] = {}
    for each in ledger.rows(sql):
        found.setdefault(each["run"], []).append((each["group"], int(each["value"])))
    return {run: tuple(pairs) for run, pairs in found.items()}


def _rule(policy: Policy, check: str, runs: list[dict[str, Any]]) -> CheckRule:
    """The rule of a check. Where people audited the labels, their rate counts and not the probe's flags."""
    rule = policy.rule(check)
    audited = any(run["check"] == "label-audit" for run in runs)
    return rule.model_copy(update={"levels": {"info": 0.0}}) if audited and check == "label-noise" else rule


def _sizes(ledger: Ledger) -> tuple[int, int, np.ndarray]:
    """Records, rows, and the ordinals of records that are no rows."""
    unread = ledger.query("""SELECT DISTINCT f."row" FROM findings f JOIN runs USING (run)
                             WHERE runs."check" = 'parse' AND f."column" = 'record' ORDER BY 1""")
    return int(ledger.meta("records") or 0), int(ledger.meta("rows") or 0), unread.column("row").to_numpy()


def _found(ledger: Ledger, run: dict[str, Any], rule: CheckRule) -> _Found:
    kinds = [name for name, kind in rule.kinds.items() if not kind.flag]
    sql = """SELECT "row", coalesce(other, -1) AS other, kind FROM findings
             WHERE run = ? AND score >= ? AND NOT list_contains(?, kind) AND "row" IS NOT NULL ORDER BY "row", other"""
    table = ledger.query(sql, [run["run"], rule.flag_at, kinds])
    found = _Found(
        run["run"],
        run["check"],
        rule,
        table.column("row").to_numpy(),
        table.column("other").to_numpy(),
        table.column("kind").to_numpy(zero_copy_only=False),
    )
    summary = """SELECT kind, first(message ORDER BY score DESC, "row", message) AS message,
                 count(*) AS n, bool_or("row" IS NULL AND score >= ?) AS dataset, min(message) < max(message) AS varied
                 FROM findings WHERE run = ? GROUP BY kind ORDER BY kind"""
    for each in ledger.rows(summary, [rule.flag_at, run["run"]]):
        found.messages[each["kind"]] = each["message"]
        found.counts[each["kind"]] = each["n"]
        if each["dataset"]:
            found.dataset_kinds[each["kind"]] = each["message"]
        elif each["varied"]:
            found.varied.add(each["kind"])
    return found


def _rejected(inputs: list[_Found], unread: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Records that leave, and which each run sends away; a copy leaves only while its partner stays."""
    gone = [unread]
    by_run: dict[int, np.ndarray] = {}
    for each in inputs:
        if not each.rule.keep_one:
            rows = np.unique(each.row[_rejects(each)])
            by_run[each.run] = rows
            gone.append(rows)
    out = np.unique(np.concatenate(gone)).astype(np.int64)
    for each in inputs:
        if each.rule.keep_one:
            chosen = _rejects(each) & (each.other >= 0)
            copies = _copies(each.row[chosen], each.other[chosen], out)
            by_run[each.run] = copies
            out = np.union1d(out, copies)
    return out, by_run


def _rejects(found: _Found) -> np.ndarray:
    """Which findings reject their row, shape (n,)."""
    names = np.unique(found.kind.astype(str)) if len(found.kind) else np.array([], dtype=str)
    says = {name: _kind_rejects(found.rule, name) for name in names.tolist()}
    return np.array([says[str(kind)] for kind in found.kind], dtype=bool)


def _kind_rejects(rule: CheckRule, kind: str) -> bool:
    own = rule.kinds.get(kind)
    return rule.reject if own is None or own.reject is None else own.reject


def _copies(row: np.ndarray, other: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Rows that have a partner that stays; partners are settled first, in rounds along the pairs.

    A round settles every row whose partners are all settled, so there are as many rounds as the
    longest chain of pairs has links. Pairs never form a circle: each points to a preferred row.
    """
    alive = ~np.isin(row, out) & ~np.isin(other, out)
    row, other = row[alive], other[alive]
    leaves: list[np.ndarray] = []
    while len(row):
        settled_stay = np.setdiff1d(other, row)
        hit = np.isin(other, settled_stay)
        gone = np.unique(row[hit])
        if not len(gone):  # a check of somebody's own whose pairs point at each other
            break
        leaves.append(gone)
        rest = ~np.isin(row, gone) & ~np.isin(other, gone)
        row, other = row[rest], other[rest]
    return np.unique(np.concatenate(leaves)) if leaves else np.array([], dtype=np.int64)


def _outcome(run: dict[str, Any], found: _Found, stays: np.ndarray, rejected: np.ndarray) -> Outcome:
    flagged = np.unique(found.row)
    # The held-out rows of a split may be of another data set: its ordinals say nothing about these rows.
    live = _live(found, stays) if run["scope"] != "split" else np.ones(len(found.row), dtype=bool)
    total = int(run["total"])
    kept_total = int(stays.sum()) if run["scope"] == "input" else total
    kinds = tuple(_kind(found, name, live, rejected, (total, kept_total)) for name in sorted(found.counts))
    shared = ~np.isin(found.kind, [kind.kind for kind in kinds if kind.own])
    together = len(np.unique(found.row[shared])), len(np.unique(found.row[shared & live]))
    return Outcome(
        check=found.check,
        code=run["code"],
        scope=run["scope"],
        status=run["status"],
        reason=run["reason"],
        seen=run["seen"],
        total=total,
        kept_total=kept_total,
        seconds=run["seconds"],
        flagged=len(flagged),
        flagged_kept=len(np.unique(found.row[live])),
        rejected=len(rejected),
        level=max([each.level for each in kinds] + [found.rule.level(together[1], kept_total)], default=Level.OK),
        level_input=max(
            [each.level_input for each in kinds] + [found.rule.level(together[0], total)], default=Level.OK
        ),
        kinds=kinds,
        remedy=found.rule.remedy,
        together=together,
    )


def _remedy(rule: CheckRule, kind: str) -> str:
    own = rule.kinds.get(kind)
    return own.remedy if own is not None and own.remedy else rule.remedy


def _live(found: _Found, stays: np.ndarray) -> np.ndarray:
    """Findings that still hold among the rows that stay: both rows of a pair are there."""
    if not len(found.row):
        return np.array([], dtype=bool)
    partner = np.where(found.other >= 0, found.other, found.row)
    return np.asarray(stays[found.row] & stays[partner])


def _own_levels(rule: CheckRule, kind: str) -> dict[LevelName, float] | None:
    """The levels of a kind that departs from its check's, else None."""
    own = rule.kinds.get(kind)
    if own is None:
        return None
    if own.levels is not None:
        return own.levels
    return {own.level: 0.0} if own.level is not None else None


def _kind(found: _Found, name: str, live: np.ndarray, rejected: np.ndarray, totals: tuple[int, int]) -> Kind:
    total, kept_total = totals
    is_kind = found.kind == name
    flagged, kept = len(np.unique(found.row[is_kind])), len(np.unique(found.row[is_kind & live]))
    own = _own_levels(found.rule, name)
    level = level_input = Level.OK
    if name in found.dataset_kinds:
        level = level_input = reached(own or found.rule.levels, 1, 1)
    elif own is not None:
        level, level_input = reached(own, kept, kept_total), reached(own, flagged, total)
    gone = len(np.intersect1d(found.row[is_kind], rejected)) if _kind_rejects(found.rule, name) else 0
    remedy = _remedy(found.rule, name)
    counts = found.counts[name], flagged, kept, gone
    varied = flagged > 1 and name in found.varied
    return Kind(name, found.messages[name], *counts, level, level_input, remedy, own is not None, varied)
