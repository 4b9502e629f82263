"""The findings of a run as lines, with what the policy makes of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from toolkit.core.policy import CheckRule, Policy, load_policy
from toolkit.store.ledger import Ledger


def policy_of(ledger: Ledger) -> Policy:
    """The policy that the run was decided with."""
    text = ledger.meta("policy")
    return Policy.model_validate_json(text) if text else load_policy()


def findings(ledger: Ledger, checks: tuple[str, ...] = (), policy: Policy | None = None) -> Iterator[dict[str, Any]]:
    """One dict a finding, the surest first within each check.

    id: the row's own id, else line-N or row-N. other: that of the row it is about. score: 0 to 1.
    flag: whether the policy counts it. cluster: a number shared by rows that findings tie together.
    spans: places in the row's text.
    """
    rules = policy or policy_of(ledger)
    runs = ledger.rows("""SELECT run, "check", scope FROM runs WHERE status = 'ran' ORDER BY code, scope, run""")
    for run in runs:
        if not checks or run["check"] in checks:
            yield from _of_run(ledger, run, rules.rule(run["check"]))


def _of_run(ledger: Ledger, run: dict[str, Any], rule: CheckRule) -> Iterator[dict[str, Any]]:
    clusters = _clusters(ledger, run["run"], rule)
    sql = """SELECT "row", ref, other_ref, kind, "column", score, message, evidence FROM findings
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
            optional = {"other": each["other_ref"], "column": each["column"], "cluster": clusters.get(each["row"])}
            line |= {name: value for name, value in optional.items() if value is not None}
            evidence = json.loads(each["evidence"]) if each["evidence"] else {}
            yield {**line, **evidence} if isinstance(evidence, dict) else line


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
