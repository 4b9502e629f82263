"""Labels of other classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.planting import Around, Row, Spoiled, Way


@dataclass(frozen=True, slots=True)
class SwappedLabel:
    """A row under the label of a random row of another class; true confusions are nearer, and harder to find."""

    id: ClassVar[str] = "swapped-label"
    tests: ClassVar[str] = "label-noise"

    def ways(self) -> Mapping[str, Way]:
        return {"swapped": _swapped}


def _swapped(row: Row, around: Around) -> Spoiled | None:
    other = around.other(lambda each: each.label_key and each.label != row.label)
    if other is None or row.label_key is None or other.label_key is None:
        return None
    return row.with_value(**{row.label_key: other.value[other.label_key]})
