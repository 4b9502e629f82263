"""Great Expectations as the judge: a contract over one flat table, nothing asked of a network or a disk.

The import costs about 2.5 s of CPU, so it waits until a contract is run. Of a result only numbers
are kept: the rest of it quotes the rows.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.contracts.model import Contract, Rule
from toolkit.core.errors import Skip

EXACT = 2**53
SEVERITY = {"info": "info", "warning": "warning", "error": "critical", "blocker": "critical"}


class Outcome(NamedTuple):
    """What came of a rule. unexpected: rows that break it, of those `considered`; both 0 for a rule about the
    whole table, which has `observed` instead, None where there was nothing to measure."""

    rule: Rule
    passed: bool
    unexpected: int
    considered: int
    observed: float | None

    @property
    def percent(self) -> float:
        """The share of rows that fit, 0..100; of a rule about the whole table 0 or 100."""
        if self.rule.spec.broken is None:
            return 100.0 * self.passed
        return 100.0 * (1 - self.unexpected / self.considered) if self.considered else 100.0


def judge(contract: Contract, table: pa.Table) -> list[Outcome]:
    """Run a contract over a flat table that holds its columns; outcomes stand in the order of its rules.

    Raises Skip where Great Expectations does not import, RuntimeError where it could not evaluate a rule.
    """
    with _quiet():
        gx = _import()
        frame = _frame(table.select(list(contract.columns) or ["row"]))
        batch = _context(gx).data_sources.add_pandas("rows").add_dataframe_asset("features")
        whole = batch.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        suite = gx.ExpectationSuite(name=contract.name, expectations=_expectations(gx, contract))
        found = whole.validate(suite, result_format={"result_format": "SUMMARY"})
    # The suite gives its results back in an order of its own.
    by_rule = {result.expectation_config.meta["rule"]: result for result in found.results}
    return [_outcome(rule, by_rule[at]) for at, rule in enumerate(contract.rules)]


def _import() -> Any:
    try:
        import great_expectations
    except ImportError as failure:
        raise Skip(f"great_expectations cannot be imported: {failure}") from failure
    return great_expectations


@contextmanager
def _quiet() -> Iterator[None]:
    """Its log and its warnings, which are about its own code, stay out of ours."""
    log = logging.getLogger("great_expectations")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _context(gx: Any) -> Any:
    """A context in memory: no folder for documentation, no usage statistics, no progress bar."""
    from great_expectations.data_context.types import base

    stores = base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    bars = base.ProgressBarsConfig(globally=False, metric_calculations=False)
    config = base.DataContextConfig(store_backend_defaults=stores, analytics_enabled=False, progress_bars=bars)
    return gx.get_context(mode="ephemeral", project_config=config)


def _frame(table: pa.Table) -> Any:
    """A pandas frame. Integers beside nulls become floats, which is exact up to 2**53; longer ones stay integers.

    Great Expectations compares two columns, where one is of a nullable type, with an error only.
    """
    import pandas as pd

    frame = table.to_pandas()
    for name in table.column_names:
        if _too_long(table.column(name)):
            frame[name] = pd.array(table.column(name).to_pylist(), dtype="Int64")
    return frame


def _too_long(values: pa.ChunkedArray) -> bool:
    if not pa.types.is_int64(values.type) or values.null_count in (0, len(values)):
        return False
    ends = pc.min_max(values).as_py()
    return bool(max(-ends["min"], ends["max"]) > EXACT)


def _expectations(gx: Any, contract: Contract) -> list[Any]:
    made = []
    for at, rule in enumerate(contract.rules):
        name = "".join(word.capitalize() for word in rule.expectation.split("_"))
        given: dict[str, Any] = {"mostly": rule.mostly} if rule.spec.broken is not None else {}
        if rule.column is not None:
            given["column"] = rule.column
        made.append(
            getattr(gx.expectations, name)(
                **given, **rule.arguments, severity=SEVERITY[rule.severity], meta={"rule": at}
            )
        )
    return made


def _outcome(rule: Rule, result: Any) -> Outcome:
    """The numbers of a result."""
    numbers = result.result
    if rule.spec.broken is None:
        observed = numbers.get("observed_value")
        if "observed_value" not in numbers:
            raise _unusable(rule)
        return Outcome(rule, bool(result.success), 0, 0, None if observed is None else float(observed))
    if "unexpected_count" not in numbers:
        raise _unusable(rule)
    considered = int(numbers["element_count"]) - int(numbers.get("missing_count") or 0)
    return Outcome(rule, bool(result.success), int(numbers["unexpected_count"]), considered, None)


def _unusable(rule: Rule) -> RuntimeError:
    # Its own message may quote a row, so it is not passed on.
    return RuntimeError(f"Great Expectations could not evaluate the rule '{rule.title}' ({rule.expectation})")
