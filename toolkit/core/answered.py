"""What the status of an HTTP answer means for a request: too fast, try again, never, or for nobody."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from toolkit.core.errors import ProviderError
from toolkit.core.request import Declined, Pace, Retry

THROTTLED = frozenset({429, 529})
OUT_OF_MONEY = ("insufficient_quota", "credit balance", "billing", "payment")
SHOWN = 300


def failure(
    status: int, headers: Mapping[str, str], message: str, *, model: str, variable: str, pace: Pace | None = None
) -> Exception:
    """The exception for an answer that is no reply.

    headers: with names in lower case. message: what the server says, without keys. A status over 499 may
    have been billed when a gateway says it (502, 504), so its outcome is unknown.
    """
    said = f"{status}: {' '.join(message.split())[:SHOWN]}"
    if status in (402, 429) and any(word in message.lower() for word in OUT_OF_MONEY):
        return ProviderError(f"the account of {model} has no money left ({said})", "add credit, then run it again")
    if status in THROTTLED:
        return Retry(said, after_s=retry_after(headers), throttled=True, pace=pace)
    if status in (401, 403):
        return ProviderError(
            f"the key for {model} was refused ({said})", f"check {variable}; the key is not shown here"
        )
    if status == 404:
        return ProviderError(f"{model} is not known to its server ({said})", "check the model's name and `base_url`")
    if status in (408, 409, 425) or status >= 500:
        return Retry(said, after_s=retry_after(headers), unknown=status in (408, 502, 504))
    return Declined(f"the request was refused ({said})")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wishes to be left alone, or None where it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        told = headers.get(name)
        if told is None:
            continue
        seconds = seconds_of(told)
        if seconds is not None:
            return max(0.0, seconds * unit)
    return None


def seconds_of(told: str) -> float | None:
    """`1.5`, `250ms`, `1m30s`, an HTTP date or an RFC 3339 time as seconds from now; None for anything else."""
    told = told.strip()
    try:
        return float(told)
    except ValueError:
        pass
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    import re

    pieces = re.findall(r"([0-9.]+)(ms|s|m|h)", told)
    if pieces and "".join(number + unit for number, unit in pieces) == told:
        return sum(float(number) * units[unit] for number, unit in pieces)
    for read in (datetime.datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = read(told)
        except (ValueError, TypeError):
            continue
        zoned = when if when.tzinfo is not None else when.replace(tzinfo=datetime.UTC)
        return zoned.timestamp() - time.time()
    return None
