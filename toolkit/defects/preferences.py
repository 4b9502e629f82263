"""Preference pairs that say nothing, or the opposite of another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.planting import Around, Row, Spoiled, Way


@dataclass(frozen=True, slots=True)
class BadPair:
    """A pair with two equal sides, with an empty side, or once more with its sides exchanged."""

    id: ClassVar[str] = "bad-pair"
    tests: ClassVar[str] = "preference-pair"

    def ways(self) -> Mapping[str, Way]:
        return {"equal-sides": _equal, "empty-side": _empty, "exchanged": _exchanged}


def _is_pair(row: Row) -> bool:
    return row.form.id == "preference" and row.value.get("chosen") != row.value.get("rejected")


def _equal(row: Row, around: Around) -> Spoiled | None:
    return row.with_value(rejected=row.value["chosen"]) if _is_pair(row) else None


def _exchanged(row: Row, around: Around) -> Spoiled | None:
    return row.again(chosen=row.value["rejected"], rejected=row.value["chosen"]) if _is_pair(row) else None


def _empty(row: Row, around: Around) -> Spoiled | None:
    side = around.rng.choice(("chosen", "rejected"))
    return row.with_value(**{side: _silent(row.value[side])}) if _is_pair(row) else None


def _silent(side: Any) -> Any:
    """One side without its last answer, in its own shape."""
    if isinstance(side, list) and side and isinstance(side[-1], dict):
        return [*side[:-1], _silent(side[-1])]
    if isinstance(side, dict):
        return {key: "" if key in ("content", "value") else each for key, each in side.items()}
    return ""
