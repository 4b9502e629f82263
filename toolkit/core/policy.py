"""What counts and how much: thresholds, what rejects a row, when a rate is a warning or an error.

The policy is data. The same ledger under another policy gives another decision, and nothing is
computed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.core import config
from toolkit.core.share import shipped
from toolkit.core.types import Level

LevelName = Literal["ok", "info", "warning", "doubt", "error", "blocker"]


class KindRule(BaseModel):
    """How one kind of finding of a check departs from the check's own rule. None: as the check has it."""

    model_config = ConfigDict(extra="forbid")
    flag: bool = True
    reject: bool | None = None
    level: LevelName | None = None
    levels: dict[LevelName, float] | None = None
    remedy: str = ""


class CheckRule(BaseModel):
    """How findings of one check are judged.

    flag_at: a finding counts from this score on. reject: a flagged row leaves the data set. keep_one:
    of a flagged pair only the finding's own row leaves, and only while its partner stays. levels: the
    share of rows, over which a level is reached; 0 is reached by a single row. levels_of: which share
    counts, of the rows that stay or of the whole input.
    """

    model_config = ConfigDict(extra="forbid")
    flag_at: float = 0.5
    reject: bool = False
    keep_one: bool = False
    levels: dict[LevelName, float] = Field(default_factory=dict)
    kinds: dict[str, KindRule] = Field(default_factory=dict)
    remedy: str = ""

    def level(self, flagged: int, total: int) -> Level:
        """The level that `flagged` rows of `total` reach."""
        return reached(self.levels, flagged, total)


class Policy(BaseModel):
    """Rules for every check, and which checks a verdict needs for each row format."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = 1
    name: str = "default"
    needs: dict[str, list[str]] = Field(default_factory=dict)
    checks: dict[str, CheckRule] = Field(default_factory=dict)

    def rule(self, check: str) -> CheckRule:
        """A check's rule; one that the policy does not name flags at .5, rejects nothing and informs."""
        return self.checks.get(check) or CheckRule(levels={"info": 0.0})

    def leaving_out(self, named: Iterable[str]) -> Policy:
        """The policy under which rows that these checks flag leave too. named: ids of checks, or `check:kind`.

        Kinds that are no more than information stay unless they are named.
        """
        checks = dict(self.checks)
        for each in sorted(named, key=lambda each: ":" in each):
            check, _, kind = each.partition(":")
            rule = checks.get(check) or self.rule(check)
            if kind:
                own = rule.kinds.get(kind) or KindRule()
                kinds = {**rule.kinds, kind: own.model_copy(update={"reject": True})}
            else:
                told = rule.kinds.items()
                kinds = {name: own.model_copy(update={"reject": own.level != "info"}) for name, own in told}
            checks[check] = rule.model_copy(update={"kinds": kinds, "reject": rule.reject or not kind})
        return self.model_copy(update={"checks": checks})

    def needed(self, row_format: str) -> list[str]:
        """The checks without which the verdict is CANNOT TELL."""
        return [*self.needs.get("all", []), *self.needs.get(row_format, [])]


def reached(levels: dict[LevelName, float], flagged: int, total: int) -> Level:
    """The highest level whose share of rows is passed; nothing flagged is OK."""
    if flagged <= 0:
        return Level.OK
    share = flagged / max(total, 1)
    found = [Level[name.upper()] for name, over in levels.items() if share > over]
    return max(found, default=Level.OK)


def load_policy(path: Path | None = None) -> Policy:
    """The policy file at `path`, or the one that the toolkit ships."""
    return config.load(Policy, path or shipped("schemas") / "policies" / "default.yaml")
