"""S08: rows against a contract."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import parts
from toolkit.core.errors import NotApplicable, unknown
from toolkit.core.types import JSON, Fact, Finding, Findings, Result
from toolkit.near.features import FEATURES, feature_table
from toolkit.store.view import View

if TYPE_CHECKING:
    from toolkit.contracts.model import Contract
    from toolkit.contracts.plan import Plan
    from toolkit.contracts.rows import FlatTable
    from toolkit.contracts.suite import Outcome

ALLOWED = 0.2


@dataclass(frozen=True, slots=True)
class ContractCheck:
    """Every row keeps the contract of its format, and yours where you give one with `--schema FILE`.

    A contract is a short YAML file: rules about one flat table with a line an example (turns, roles,
    lengths, label, tools: see `toolkit.near.features`), and about the top-level keys of your own rows
    (`rating` between 1 and 5; `row.format` where a feature has the same name). `schemas/contracts/`
    holds those for chat, preference, classification, tool use, completion and text, and they show
    how one is written. Yours replaces them.

    A rule is a Great Expectations expectation with a severity and a reason. Great Expectations counts
    and judges; the rows are then found by SQL, and the two counts must agree or the check fails. At
    most `most` rows of a rule are listed; where there are more, the data set itself has a finding.
    kind is the severity, which the policy weighs; evidence names the rule. The score is 1.0, and .2
    for rows that break a rule within what its `mostly` allows. Facts: rules kept and broken, and the
    rows that fit each rule.

    Missed: whatever no rule asks. Lists and objects in your own columns can be asked for presence and
    uniqueness alone. Example: rating is above 5: our scale has five stars.
    """

    id: ClassVar[str] = "contract"
    code: ClassVar[str] = "S08"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = (
        *("turns", "rejected", "label", "tools", "faults", "nth", "format", "source_kind", "group"),
        "raw",
    )

    schema: str = ""
    most: int = 100_000

    def inputs(self) -> str:
        """What a result depends on besides options and rows: the contracts as they are now."""
        contracts = _contracts(self.schema, set(parts.parts("formats")))
        return hashlib.sha256("".join(each.model_dump_json() for each in contracts).encode()).hexdigest()

    def run(self, view: View) -> Iterator[Result]:
        contracts = _contracts(self.schema, set(view.manifest.formats))
        if not contracts or not view.n_rows:
            formats = ", ".join(sorted(view.manifest.formats)) or "no row"
            raise NotApplicable(f"no contract is shipped for {formats}")
        from toolkit.contracts.plan import plan

        plans = [plan(contract, {name: each.type for name, each in FEATURES.items()}) for contract in contracts]
        table = _table(view, plans)
        found = False
        for each in plans:
            rows = table.filter(_in_scope(table, each.contract))
            if len(rows):
                found = True
                yield from self._judged(each.contract, rows)
        if not found:
            raise NotApplicable("no row is of a format or kind that a contract is about")

    def _judged(self, contract: Contract, rows: pa.Table) -> Iterator[Result]:
        from toolkit.contracts.rows import FlatTable
        from toolkit.contracts.suite import judge

        outcomes = judge(contract, rows)
        yield Fact("rows under contract", float(len(rows)), "rows", contract.name)
        for name, passed in (("rules kept", True), ("rules broken", False)):
            yield Fact(name, float(sum(each.passed is passed for each in outcomes)), "rules", contract.name)
        with FlatTable(rows) as flat:
            for outcome in outcomes:
                yield from _facts(contract, outcome)
                yield from self._findings(contract, outcome, flat)

    def _findings(self, contract: Contract, outcome: Outcome, flat: FlatTable) -> Iterator[Result]:
        from toolkit.contracts.model import shown

        rule = outcome.rule
        score = ALLOWED if outcome.passed else 1.0
        told: dict[str, JSON] = {"contract": contract.name, "version": contract.version, "rule": rule.title}
        column = shown(rule.columns[0]) if rule.columns else None
        if rule.spec.broken is None:
            if not outcome.passed:
                message = f"{rule.message} (measured: {outcome.observed})"
                yield Finding(None, score, message, rule.severity, column=column, evidence=told)
            return
        counted = flat.count(rule)
        if counted != outcome.unexpected:
            what = f"rule '{rule.title}': Great Expectations counts {outcome.unexpected} rows, SQL {counted}"
            raise RuntimeError(what)
        if counted > self.most:
            message = f"{counted - self.most} rows more than are listed: {rule.message}"
            yield Finding(None, score, message, rule.severity, column=column, evidence=told)
        if counted:
            found = flat.rows(rule, self.most)
            yield Findings(found, score, rule.message, rule.severity, None, column, [json.dumps(told)] * len(found))


def _contracts(schema: str, formats: set[str]) -> list[Contract]:
    """The user's contract, or the shipped ones for the formats that the data set has."""
    from toolkit.contracts.model import load, shipped_contracts

    if not schema:
        return [each for each in shipped_contracts() if formats.intersection(each.applies_to)]
    own = load(Path(schema))
    known = parts.parts("formats")
    for name in own.applies_to:
        if name not in known:
            raise unknown(f"format in applies_to of {Path(schema).name}:", name, known)
    return [own]


def _table(view: View, plans: Sequence[Plan]) -> pa.Table:
    """Everything that the contracts ask for, one row an example."""
    from toolkit.contracts.plan import own_columns

    names = {"format", *(name for each in plans for name in (*each.features, each.contract.where) if name)}
    table = feature_table(view, [name for name in FEATURES if name in names])
    wanted: dict[str, set[str]] = {}
    for each in plans:
        for key, needs in each.own.items():
            wanted.setdefault(key, set()).update(needs)
    if wanted:
        for name, values in own_columns(view.batches("raw"), wanted).items():
            table = table.append_column(name, values)
    return table


def _in_scope(table: pa.Table, contract: Contract) -> pa.ChunkedArray:
    """The rows of the contract's formats for which its `where` is true."""
    every = pc.is_valid(table.column("row"))
    if contract.applies_to:
        every = pc.is_in(table.column("format"), value_set=pa.array(contract.applies_to))
    return pc.and_(every, table.column(contract.where)) if contract.where else every


def _facts(contract: Contract, outcome: Outcome) -> Iterator[Fact]:
    group = f"{contract.name}: {outcome.rule.title}"
    if outcome.rule.spec.broken is None:
        if outcome.observed is not None:
            yield Fact("rule measured", outcome.observed, "", group)
        return
    yield Fact("rows that fit the rule", outcome.percent, "%", group)
    yield Fact("rows that break the rule", float(outcome.unexpected), "rows", group)
