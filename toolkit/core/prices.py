"""What tokens cost: a dated table that ships, and the user's own that wins. A price is never guessed."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

from toolkit.core import config
from toolkit.core.request import Usage
from toolkit.core.share import shipped

VARIABLE = "TOOLKIT_PRICES"
_MILLION = 1_000_000


class Long(BaseModel):
    """A prompt over so many tokens, whatever of it is cached, costs so many times the price, its answer too."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    over: PositiveInt
    times: float = Field(ge=1)


class Price(BaseModel):
    """US dollars per million tokens. cached, written: as `input`, and 1.25 of it, where they are not given.

    batch: share of the price that a request in a batch costs. seen: the day on which it was looked up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    input: NonNegativeFloat
    output: NonNegativeFloat
    cached: NonNegativeFloat | None = None
    written: NonNegativeFloat | None = None
    batch: float = Field(default=1.0, gt=0, le=1)
    long: Long | None = None
    seen: datetime.date | None = None

    def usd(self, usage: Usage, *, batch: bool = False) -> float:
        """What one reply costs."""
        cached = self.input if self.cached is None else self.cached
        written = 1.25 * self.input if self.written is None else self.written
        dollars = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cached_tokens * cached
            + usage.written_tokens * written
        ) / _MILLION
        prompt = usage.total - usage.output_tokens
        times = self.long.times if self.long is not None and prompt > self.long.over else 1.0
        return dollars * times * (self.batch if batch else 1.0)

    def saved_usd(self, usage: Usage) -> float:
        """What the prompt cache saved on one reply; below zero where it cost more than it gave."""
        prompt = Usage(usage.total - usage.output_tokens, usage.output_tokens)
        return self.usd(prompt) - self.usd(usage)


class Table(BaseModel):
    """Prices by the model's name with its provider, such as `anthropic:claude-haiku-4-5`."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1]
    models: dict[str, Price]


def price_of(model: str) -> Price | None:
    """The price of a model, or None where nobody has said it.

    Looked up as it is and without a date at its end (`-20251001`), in the table that `$TOOLKIT_PRICES`
    names before the shipped one. Raises UsageError or InputError for a table that cannot be read.
    """
    named = os.environ.get(VARIABLE)
    for path in ([Path(named)] if named else []) + [shipped("schemas") / "prices.yaml"]:
        found = config.load(Table, path).models
        for name in (model, _undated(model)):
            if name in found:
                return found[name]
    return None


def _undated(model: str) -> str:
    stem, _, last = model.rpartition("-")
    return stem if len(last) == 8 and last.isdigit() else model
