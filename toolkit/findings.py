"""The findings of a run as lines, with what the policy makes of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from toolkit.core.policy import CheckRule, Policy, load_policy
from toolkit.places import Places, judged, places
from toolkit.store.folder import RunFolder
from toolkit.store.ledger import Ledger

Located = Callable[[str], Places]
OWN = ("id", "row", "check", "kind", "score", "flag", "message")
"""Names of a line that evidence cannot take."""


def policy_of(ledger: Ledger) -> Policy:
    """The policy that the run was decided with."""
    text = ledger.meta("policy")
    return Policy.model_validate_json(text) if text else load_policy()


def located(folder: RunFolder) -> Located:
    """A function from a scope to the places of the rows that its findings are about."""
    known: dict[bool, Places] = {}

    def of_scope(scope: str) -> Places:
        apart = scope == "split"
        if apart not in known:
            known[apart] = places(judged(folder, scope))
        return known[apart]

    return of_scope


def findings(
    ledger: Ledger, checks: tuple[str, ...] = (), policy: Policy | None = None, where: Located | None = None
) -> Iterator[dict[str, Any]]:
    """One dict a finding, the surest first within each check.

    id: the row's own id, else line-N or row-N. row: the toolkit's id, made of the row's content, where
    `where` knows it. other: the row it is about. score: 0 to 1. flag: whether the policy counts it.
    cluster: a number shared by rows that findings tie together. spans: places in the row's text.
    """
    rules = policy or policy_of(ledger)
    runs = ledger.rows("""SELECT run, "check", scope FROM runs WHERE status = 'ran' ORDER BY code, scope, run""")
    for run in runs:
        if not checks or run["check"] in checks:
            place = where(run["scope"]) if where is not None else None
            yield from (line for line, _ in of_run(ledger, run, rules.rule(run["check"]), place))


def of_run(
    ledger: Ledger, run: dict[str, Any], rule: CheckRule, place: Places | None
) -> Iterator[tuple[dict[str, Any], tuple[int | None, int | None]]]:
    """The findings of one run of a check, each with the ordinals of its row and of the other."""
    clusters = _clusters(ledger, run["run"], rule)
    sql = """SELECT "row", other, ref, other_ref, kind, "column", score, message, evidence FROM findings
             WHERE run = ? ORDER BY score DESC, "row", other, kind"""
    for batch in ledger.stream(sql, [run["run"]]):
        for each in batch.to_pylist():
            own = rule.kinds.get(each["kind"])
            line = {
                "id": each["ref"],
                "check": run["check"],
                "kind": each["kind"],
                "score": round(each["score"], 6),
                "flag": each["score"] >= rule.flag_at and (own is None or own.flag),
                "message": each["message"],
            }
            optional = {
                "row": place.row_id(each["row"]) if place is not None else None,
                "other": each["other_ref"],
                "column": each["column"],
                "cluster": clusters.get(each["row"]),
            }
            line |= {name: value for name, value in optional.items() if value is not None}
            evidence = json.loads(each["evidence"]) if each["evidence"] else {}
            more = {k: v for k, v in evidence.items() if k not in OWN} if isinstance(evidence, dict) else {}
            yield {**line, **more}, (each["row"], each["other"])


def _clusters(ledger: Ledger, run: int, rule: CheckRule) -> dict[int, int]:
    """The cluster of every row that flagged findings tie to another, named by its first row's ordinal."""
    sql = (
        """SELECT "row", other FROM findings WHERE run = ? AND other IS NOT NULL AND "row" IS NOT NULL AND score >= ?"""
    )
    pairs = ledger.query(sql, [run, rule.flag_at])
    if not len(pairs):
        return {}
    from toolkit.near.components import clusters

    rows, first = clusters(pairs.column("row").to_numpy(), pairs.column("other").to_numpy())
    return dict(zip(rows.tolist(), first.tolist(), strict=True))
