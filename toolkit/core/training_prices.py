"""What training on a million tokens costs: a dated table that ships, or the user's own. A price is never guessed."""

from __future__ import annotations

import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat

from toolkit.core import config
from toolkit.core.share import shipped


class Rate(BaseModel):
    """usd: per million tokens trained on. seen: the day on which `page` said so."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    usd: NonNegativeFloat
    seen: datetime.date
    page: str = ""
    note: str = ""


class Rates(BaseModel):
    """Rates by provider and size of the model."""

    model_config = ConfigDict(extra="forbid")
    version: int
    rates: dict[str, Rate]


def rates(path: str = "") -> dict[str, Rate]:
    """The table at `path`, or the one that ships. Raises UsageError or InputError where it cannot be read."""
    return config.load(Rates, _place(path)).rates


def text(path: str = "") -> str:
    """The table as it stands, for what depends on it; empty where there is none."""
    place = _place(path)
    return place.read_text(encoding="utf-8") if place.is_file() else ""


def _place(path: str) -> Path:
    return Path(path) if path else shipped("schemas") / "training_prices.yaml"
