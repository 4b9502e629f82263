"""Unsloth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example
from toolkit.targets.trl import Trl


@dataclass(frozen=True, slots=True)
class Unsloth:
    """The rows of TRL, whose trainers Unsloth drives: see `toolkit parts trl`.

    Its `train_on_responses_only` needs the marks of the chat template, so conversations stay `messages`.
    """

    id: ClassVar[str] = "unsloth"
    title: ClassVar[str] = "Unsloth: the rows of TRL"
    takes: ClassVar[Mapping[str, str]] = Trl.takes
    reads: ClassVar[Mapping[str, str]] = Trl.reads
    keys: ClassVar[frozenset[str] | None] = None
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        return Trl().convert(found, mode)

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {}
