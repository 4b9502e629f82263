"""The verb: hold the rows of a verified run against a provider's rules."""

from __future__ import annotations

from pathlib import Path

from toolkit.checks.provider_profile import of
from toolkit.decide import decide
from toolkit.findings import policy_of
from toolkit.scene import Scene, name_findings, run_checks
from toolkit.store.dataset import Dataset
from toolkit.store.folder import open_run
from toolkit.store.ledger import Ledger


def hold(run: str | Path, target: str) -> None:
    """Look at the rows that stay with the rules of the provider `target`; the findings go into the run's ledger.

    Raises UsageError for a target that there is not or that has no rules.
    """
    check = of(target)
    folder = open_run(run)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        data = Dataset(folder.dataset)
        run_checks(ledger, [check], Scene(data, keep=decide(ledger, policy_of(ledger)).stays), "kept")
        name_findings(ledger, data, ["kept"])
