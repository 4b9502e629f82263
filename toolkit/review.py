"""What people decided on the page of findings, heeded by later runs: a row that someone keeps is no finding again.

A decision holds for the row as it was and for the checks, at their versions, whose findings were shown. A
finding that it covers has the score 0, and as evidence who kept the row and the score that it had; where the
decision is gone, the next run gives the score back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from toolkit.label import answers as log
from toolkit.store.dataset import Dataset
from toolkit.store.ledger import Ledger

FILE = "decisions.jsonl"
HEEDED = "heeded"
CHANGED = pa.schema([("place", pa.int64()), ("score", pa.float64()), ("evidence", pa.string())])


class Kept(NamedTuple):
    """A row that people keep. checks: what was shown of it, as `check.version`."""

    by: str
    checks: frozenset[str]


def asked(row: str, checks: Mapping[str, int]) -> str:
    """What a decision is about: the row and the checks that found something in it."""
    return f"{row}#{','.join(sorted(f'{check}.{version}' for check, version in checks.items()))}"


def _row_of(about: str) -> str:
    """The row's id of what a decision is about; a log of an older toolkit names the row alone."""
    return about.partition("#")[0]


def heed(ledger: Ledger, data: Dataset, path: Path) -> int:
    """Take the findings out that people's decisions cover, and put those back that none covers any more.

    Returns how many are out. Raises InputError for a log that cannot be read.
    """
    said = _kept(path)
    if not said and not ledger.meta(HEEDED):
        return 0
    kept = dict(_ordinals(data, said))
    out = 0
    for run in ledger.rows("SELECT * FROM runs WHERE status = 'ran' AND scope IN ('input', 'kept')"):
        own = {row: each for row, each in kept.items() if f"{run['check']}.{run['version']}" in each.checks}
        out += _revise(ledger, run, own)
    ledger.set_meta(HEEDED, str(out) if out else "")
    return out


def decided(path: Path) -> dict[str, list[log.Answer]]:
    """What stands of a log about findings, by the toolkit's id of the row. Raises InputError."""
    said: dict[str, list[log.Answer]] = {}
    for each in log.current(log.read(path)).values():
        if each.kind == "finding" and each.status == "answered":
            said.setdefault(_row_of(each.hash), []).append(each)
    return said


def _kept(path: Path) -> dict[str, Kept]:
    """Rows that everybody who decided keeps, by the toolkit's id."""
    return {
        row: Kept(", ".join(sorted(each.by for each in all_)), _shown(all_))
        for row, all_ in decided(path).items()
        if all(each.value == "keep" for each in all_)
    }


def _shown(said: list[log.Answer]) -> frozenset[str]:
    return frozenset(check for each in said for check in each.hash.partition("#")[2].split(",") if check)


def _ordinals(data: Dataset, said: Mapping[str, Kept]) -> Iterator[tuple[int, Kept]]:
    if not said:
        return
    wanted = np.array([int(row.partition("-")[0], 16) for row in said], np.uint64)
    for batch in data.batches(("hash", "row_id")):
        some = batch.filter(pa.array(np.isin(batch.column("hash").to_numpy(), wanted)))
        for row, name in zip(some.column("row").to_pylist(), some.column("row_id").to_pylist(), strict=True):
            if name in said:
                yield row, said[name]


def _revise(ledger: Ledger, run: Mapping[str, Any], kept: Mapping[int, Kept]) -> int:
    """The findings of one run as the decisions have them; returns how many of them are out."""
    sql = """SELECT rowid AS place, "row", score, evidence FROM findings
             WHERE run = ? AND (list_contains(?, "row") OR contains(evidence, '"kept_by"'))"""
    changed = []
    for each in ledger.rows(sql, [run["run"], list(kept)]):
        evidence: dict[str, Any] = json.loads(each["evidence"]) if each["evidence"] else {}
        score = evidence.pop("kept_by", {}).get("score_before", each["score"])
        if each["row"] in kept:
            evidence["kept_by"] = {"who": kept[each["row"]].by, "score_before": score}
            score = 0.0
        told = json.dumps(evidence) if evidence else None
        changed.append({"place": each["place"], "score": score, "evidence": told, "out": each["row"] in kept})
    if changed:
        ledger.revise(run["check"], run["scope"], pa.Table.from_pylist(changed, schema=CHANGED), ())
    return sum(each["out"] for each in changed)
