"""A contract as it is written: YAML, read strictly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from toolkit.contracts.expectations import EXPECTATIONS, Expectation, check_arguments, snake
from toolkit.core import config
from toolkit.core.errors import UsageError
from toolkit.core.share import shipped

Severity = Literal["info", "warning", "error", "blocker"]


class Rule(BaseModel):
    """One expectation about a column. mostly: the share of rows that must fit, over 0 to 1. why: shown with a find."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str | None = None
    expectation: str
    arguments: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    mostly: float = Field(default=1.0, gt=0, le=1)
    severity: Severity = "error"
    why: str = ""
    name: str = Field(default="", max_length=80)

    @field_validator("expectation")
    @classmethod
    def _known(cls, value: str) -> str:
        return snake(value)

    @field_validator("arguments")
    @classmethod
    def _fitting(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(value, default=str))  # YAML's own types stay here
        if name := info.data.get("expectation"):
            check_arguments(name, plain)
        return plain

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        takes = "column_list" in self.spec.arguments or "column_A" in self.spec.arguments
        takes = takes or self.expectation.startswith("expect_table")
        if takes == (self.column is not None):
            which = "names its columns in `arguments`" if takes else "needs a `column`"
            raise ValueError(f"{self.expectation} {which}")
        if self.spec.broken is None and self.mostly < 1:
            raise ValueError(f"{self.expectation} is about the whole table and takes no `mostly`")
        return self

    @property
    def spec(self) -> Expectation:
        return EXPECTATIONS[self.expectation]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about, none for the number of rows."""
        given = self.arguments
        if "column_A" in given:
            return (given["column_A"], given["column_B"])
        return tuple(given.get("column_list", ())) or ((self.column,) if self.column else ())

    @property
    def title(self) -> str:
        """Its name, else one made of what it asks."""
        about = "-".join(self.columns) or "table"
        asked = self.expectation.removeprefix("expect_").removeprefix("column_").removeprefix("values_")
        return self.name or f"{about}: {asked.replace('_', ' ')}"

    @property
    def message(self) -> str:
        """What is wrong with a row that breaks it; holds words of the contract and none of the row."""
        about = self.columns[:1] if "column_A" in self.arguments else self.columns
        said = f"{' and '.join(map(shown, about))} {self.spec.words(self.arguments)}".strip()
        return f"{said}: {self.why}" if self.why else said


def shown(column: str) -> str:
    """A column's name as the contract has it: without the type under which it was read."""
    return re.sub(r" \((number|text|flag|json|type)\)$", "", column)


class Contract(BaseModel):
    """Rules for rows of some formats. applies_to: none named means all. where: a feature that must be true of a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    version: int = Field(ge=1)
    applies_to: list[str] = Field(default_factory=list)
    where: str = ""
    description: str = ""
    rules: list[Rule] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _distinct(cls, rules: list[Rule]) -> list[Rule]:
        titles = [rule.title for rule in rules]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"two rules are called '{twice[0]}'; give one another `name`")
        return rules

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that its rules are about."""
        return tuple(dict.fromkeys(column for rule in self.rules for column in rule.columns))


def load(path: Path) -> Contract:
    """The contract in a YAML file. Raises UsageError with the line, InputError where it cannot be read."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "name a contract file; `schemas/contracts/` has examples")
    return config.load(Contract, path)


def shipped_contracts() -> list[Contract]:
    """The contracts that the toolkit ships, by file name."""
    return [load(path) for path in sorted((shipped("schemas") / "contracts").glob("*.yaml"))]
