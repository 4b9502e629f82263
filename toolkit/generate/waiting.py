"""How long a request waits before it is sent again, and when waiting for its model has gone on for too long."""

from __future__ import annotations

from random import Random

from toolkit.core.errors import ProviderError
from toolkit.core.request import Retry

LONGEST_PAUSE_S, LONGEST_BLIND_S = 60.0, 15.0
GO_ON = "what was made so far is kept; run the same command to go on"


def pause_s(failure: Retry, key: str, attempt: int, *, backoff_s: float, silent_s: float) -> float:
    """The provider's wish, or doubling from `backoff_s` with a jitter that the key decides.

    silent_s: how long the model has answered nothing. One that answers others is asked again soon; one that is
    loaded for minutes is asked less and less often.
    """
    if failure.after_s is not None:
        return min(failure.after_s, LONGEST_PAUSE_S)
    jitter = 0.5 + Random(f"{key}{attempt}").random()  # noqa: S311 - no secret is made
    pause = min(backoff_s * 2.0 ** (attempt - 1), max(2 * backoff_s, silent_s))
    if failure.throttled:
        pause = max(pause, min(silent_s / 8, LONGEST_BLIND_S))
    return float(min(pause * jitter, LONGEST_PAUSE_S))


def patient(failure: Retry, model: str, *, silent_s: float, patience_s: float) -> None:
    """Raises ProviderError for a model that has said nothing but `slow down` for too long, or means to."""
    if not failure.throttled:
        return
    if silent_s > patience_s:
        raise ProviderError(f"{model} has answered nothing but '{failure}' for {patience_s:g} s", GO_ON)
    # Said once it may be a slip; said again after the longest pause it is a limit of the day.
    after_s = failure.after_s or 0.0
    if after_s > patience_s and silent_s > LONGEST_PAUSE_S:
        raise ProviderError(f"{model} wants to be left alone for {after_s / 3600:.1f} h ({failure})", GO_ON)
