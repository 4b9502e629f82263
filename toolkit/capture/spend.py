"""Tokens that replies tell as they pass, and what they cost; read from bytes on their way, without parsing them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

_COUNT = re.compile(
    rb'"(input|output|prompt|completion|cache_read_input|cache_creation_input|cached)_tokens"\s*:\s*(\d{1,9})\b'
)
_BEFORE = len(b'"cache_creation_input')
_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,100})"')
MOST_MODELS = 100
OTHER = "other models"
KINDS = ("input", "output", "cached", "written")


class Tokens:
    """The counts of one reply: what is told last counts. Compressed replies tell nothing."""

    __slots__ = ("model", "told")

    def __init__(self) -> None:
        self.told: dict[bytes, int] = {}
        self.model = ""

    def hear(self, data: bytes) -> None:
        """More of the reply."""
        at = data.find(b'_tokens"')
        if at < 0:
            return
        for name, count in _COUNT.findall(data, max(0, at - _BEFORE)):
            self.told[name] = int(count)
        if not self.model and (found := _MODEL.search(data)):
            self.model = found[1].decode("utf-8", "replace")

    def counts(self) -> tuple[int, int, int, int]:
        """Tokens as they are billed: in at full price, out, read from a cache, written to one."""
        told = self.told.get
        within = told(b"cached", 0)  # OpenAI counts these among the prompt's, Anthropic beside them
        asked = max(0, told(b"input", told(b"prompt", 0)) - within)
        read = within + told(b"cache_read_input", 0)
        return asked, told(b"output", told(b"completion", 0)), read, told(b"cache_creation_input", 0)


def add(totals: dict[str, list[int]], tokens: Tokens) -> None:
    """Count a reply under its model."""
    counts = tokens.counts()
    if any(counts):
        name = tokens.model if tokens.model in totals or len(totals) < MOST_MODELS else OTHER
        kept = totals.setdefault(name, [0, 0, 0, 0])
        for at, count in enumerate(counts):
            kept[at] += count


def spent(told: Mapping[str, Any]) -> tuple[float, bool]:
    """US dollars of what `Door.health` tells, by the table of prices; and whether a model among it has none."""
    from toolkit.capture.understand import PROVIDERS
    from toolkit.core.request import Usage

    host = urlsplit(told["upstream"]).netloc
    usd, unknown = 0.0, False
    for model, counts in told["tokens"].items():
        price = _price(f"{PROVIDERS.get(host, 'openai')}:{model}")
        unknown = unknown or price is None
        usd += price.usd(Usage(*(counts[kind] for kind in KINDS))) if price is not None else 0.0
    return usd, unknown


@cache
def _price(model: str) -> Any:
    from toolkit.core.errors import ToolkitError
    from toolkit.core.prices import price_of

    try:
        price = price_of(model)
    except ToolkitError:
        return None  # a table that cannot be read must not end the traffic; the model counts as one without a price
    # What a long prompt costs more is told of one call, and these are sums of many.
    return price.model_copy(update={"long": None}) if price is not None else None
