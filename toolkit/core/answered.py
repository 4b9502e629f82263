"""What the status of an HTTP answer means for a request: too fast, try again, never, or for nobody."""

from __future__ import annotations

import contextlib
import datetime
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from toolkit.core.errors import ProviderError
from toolkit.core.request import Declined, Pace, Retry

THROTTLED = frozenset({429, 503, 529})
OUT_OF_MONEY = ("insufficient_quota", "credit balance", "billing", "payment")
FLAGGED = ("flagged", "moderation", "content_policy", "content policy", "content_filter", "safety")
SHOWN = 300
UNIX_TIMES = 1e8
"""A number of seconds beyond three years is a time of day in Unix seconds, and one beyond 3,000 in milliseconds."""
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def failure(
    status: int,
    headers: Mapping[str, str],
    message: str,
    *,
    model: str,
    variable: str,
    pace: Pace | None = None,
    begun: bool = False,
) -> Exception:
    """The exception for an answer that is no reply.

    headers: with names in lower case. message: what the server says, without keys. A status over 499 may
    have been billed when a gateway says it (502, 504), so its outcome is unknown. 503 is a server that loads
    its model or has too much to do: it is waited for, as one that says `too fast`. begun: it came with the status of
    a success, as gateways send it once they began to answer.
    """
    low = message.lower()
    said = f"{status}: {' '.join(_bare(message).split())[:SHOWN]}"
    # Anthropic says it with 400, where nothing but the words tell it from a bad request.
    told = OUT_OF_MONEY[:2] if status == 400 else OUT_OF_MONEY
    if status == 402 or (status in (400, 403, 429) and any(word in low for word in told)):
        return ProviderError(f"the account of {model} has no money left ({said})", "add credit, then run it again")
    if status in THROTTLED:
        return Retry(said, after_s=retry_after(headers), throttled=True, pace=pace)
    if status == 403 and any(word in low for word in FLAGGED):
        return Declined(f"the request was refused ({said})")
    if status in (401, 403):
        return ProviderError(
            f"the key for {model} was refused ({said})", f"check {variable}; the key is not shown here"
        )
    if status == 404:
        return ProviderError(f"{model} is not known to its server ({said})", "check the model's name and `base_url`")
    if status in (408, 409, 425) or status >= 500:
        return Retry(said, after_s=retry_after(headers), unknown=begun or status in (408, 502, 504))
    return Declined(f"the request was refused ({said})")


def _bare(message: str) -> str:
    """A web page as its words."""
    if not re.match(r"\s*<(!doctype|html|head|body)", message, re.IGNORECASE):
        return message
    return re.sub(r"(?is)<(style|script|title)\b.*?</\1>|<[^>]*>", " ", message)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wishes to be left alone, or None where it does not say.

    A time of day is read by the server's own clock, where it tells that in `Date`.
    """
    now = _date(headers.get("date", ""))
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = seconds_of(headers.get(name, ""), now)
        if seconds is not None:
            return max(0.0, seconds * unit)
    return None


def seconds_of(told: str, now: float | None = None) -> float | None:
    """`1.5`, `250ms`, `1m30s`, an HTTP date, an RFC 3339 or a Unix time as seconds from now; None for anything else."""
    told, now = told.strip(), time.time() if now is None else now
    try:
        number = float(told)
    except ValueError:
        pass
    else:
        if not math.isfinite(number):
            return None
        return number if number < UNIX_TIMES else number / (1000 if number > 1000 * UNIX_TIMES else 1) - now
    pieces = re.findall(r"([0-9.]+)(ns|us|µs|ms|s|m|h|d)", told)
    if pieces and "".join(number + unit for number, unit in pieces) == told:
        with contextlib.suppress(ValueError):
            return sum(float(number) * UNITS[unit] for number, unit in pieces)
    when = _date(told)
    return None if when is None else when - now


def _date(told: str) -> float | None:
    """An RFC 3339 time or an HTTP date in Unix seconds."""
    for read in (datetime.datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = read(told)
        except (ValueError, TypeError):
            continue
        return (when if when.tzinfo is not None else when.replace(tzinfo=datetime.UTC)).timestamp()
    return None
