"""Ship, keep, roll back or cannot tell: a pure function of what was measured.

    roll back     the tuned model is shown to be worse, to forget more than the margin, or to break the
                  shape on more than the margin of outputs
    ship          `better`: a gain is shown and is worth having; `no-worse`: a loss over the margin is ruled
                  out, and the cost is not shown to be higher. With a regression set: a loss over the margin
                  on it is ruled out too
    keep          a gain worth having is ruled out, or is too small though shown; or it is no worse but dearer
    cannot tell   none of these: the rows do not show it

Shown: the two-sided test is at most `alpha`, and the interval of the same level leaves 0 out. Ruled out:
the interval lies on the other side. A tuned model that is no better ships with a chance of at most
alpha / 2, and so does, with `no-worse`, one that loses just the margin.
"""

from __future__ import annotations

from math import ceil
from statistics import NormalDist
from typing import Literal, NamedTuple

from toolkit.compare.shape import Drift
from toolkit.stats.paired import Gain

Verdict = Literal["ship", "keep", "roll back", "cannot tell"]
Aim = Literal["better", "no-worse"]


class Bars(NamedTuple):
    """What counts. worth: the smallest gain worth having; margin: the largest loss that can be borne; in points
    of the score, .02 is two of a hundred. alpha: two-sided. unit: what a hundredth of the score is called, empty for
    scores that do not lie in 0..1."""

    aim: Aim = "better"
    worth: float = 0.02
    margin: float = 0.02
    alpha: float = 0.05
    unit: str = "points"


class Decision(NamedTuple):
    """The verdict with its reasons, the decisive one first."""

    verdict: Verdict
    why: tuple[str, ...]


def decide(
    gain: Gain, bars: Bars, *, regression: Gain | None = None, shape: Drift | None = None, cost: Gain | None = None
) -> Decision:
    """The verdict; see the head of this file. cost: dollars a call, after minus before."""
    if (lost := _broken(gain, bars, regression, shape)) is not None:
        return Decision("roll back", (lost,))
    found = _better(gain, bars) if bars.aim == "better" else _no_worse(gain, bars, cost)
    if found.verdict == "ship" and regression is not None and regression.low < -bars.margin:
        why = f"on the regression set a loss of {points(-regression.low, bars)} is still possible, over the margin"
        return Decision("cannot tell", (why, *found.why))
    if found.verdict == "ship" and regression is None:
        return found._replace(why=(*found.why, "no regression set was given: what was forgotten is not known"))
    return found


def _broken(gain: Gain, bars: Bars, regression: Gain | None, shape: Drift | None) -> str | None:
    least = -bars.margin if bars.aim == "no-worse" else 0.0
    if _shown(gain, bars) and gain.gain < least:
        return f"it is worse by {points(-gain.gain, bars)} ({interval(gain, bars)})"
    if regression is not None and _shown(regression, bars) and regression.gain < -bars.margin:
        return f"it forgets: {points(-regression.gain, bars)} less on the regression set ({interval(regression, bars)})"
    if shape is not None and shape.p <= bars.alpha and shape.rise > bars.margin:
        return (
            f"{shape.after:,} of {shape.rows:,} outputs are off the shape ({shape.shape}), {shape.before:,} were before"
        )
    return None


def _better(gain: Gain, bars: Bars) -> Decision:
    if _shown(gain, bars) and gain.gain > 0:
        if gain.gain >= bars.worth:
            return Decision("ship", (f"it is better by {points(gain.gain, bars)} ({interval(gain, bars)})",))
        why = f"it is better by {points(gain.gain, bars)}, under the {points(bars.worth, bars)} that are worth it"
        return Decision("keep", (why,))
    if gain.high < bars.worth:
        why = f"a gain of {points(bars.worth, bars)} is ruled out ({interval(gain, bars)})"
        return Decision("keep", (why,))
    return Decision("cannot tell", (f"neither better nor worse is shown ({interval(gain, bars)})",))


def _no_worse(gain: Gain, bars: Bars, cost: Gain | None) -> Decision:
    if gain.low < -bars.margin:
        why = f"a loss of over {points(bars.margin, bars)} is not ruled out ({interval(gain, bars)})"
        return Decision("cannot tell", (why,))
    why = f"a loss of over {points(bars.margin, bars)} is ruled out ({interval(gain, bars)})"
    if cost is None:
        return Decision("ship", (why, "the cost is not in the files: that it is cheaper is your word"))
    if cost.gain >= 0 and not (_shown(gain, bars) and gain.gain > 0):
        return Decision("keep", ("it is no cheaper and not shown to be better", why))
    return Decision("ship", (why, f"{abs(1000 * cost.gain):,.2f} dollars {_cheaper(cost.gain)} for 1,000 calls"))


def _cheaper(change: float) -> str:
    return "less" if change < 0 else "more"


def _shown(gain: Gain, bars: Bars) -> bool:
    return gain.p <= bars.alpha and (gain.low > 0 or gain.high < 0)


def points(share: float, bars: Bars) -> str:
    """A gain in points of a hundred, or as it is where the score has another range."""
    return f"{100 * share:.1f} {bars.unit}" if bars.unit else f"{share:.4g}"


def interval(gain: Gain, bars: Bars) -> str:
    """Both ends of a gain's interval, with its p-value."""
    if not bars.unit:
        return f"{gain.low:+.4g} to {gain.high:+.4g}, p {p_value(gain.p)}"
    return f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f} {bars.unit}, p {p_value(gain.p)}"


def p_value(p: float) -> str:
    """A p-value to two digits, never 0."""
    return "under 0.0001" if p < 1e-4 else f"{p:.2g}"


def rows_to_tell(gain: Gain, bars: Bars, *, power: float = 0.8) -> int | None:
    """About how many rows would show this gain, or the one that is worth it, with probability `power`.

    From the width of the interval, which shrinks with the root of the rows. None where there are enough.
    """
    half, aim = (gain.high - gain.low) / 2, max(abs(gain.gain), bars.worth if bars.aim == "better" else bars.margin)
    if not aim:
        return None
    z = NormalDist().inv_cdf(1 - bars.alpha / 2)
    needed = gain.n * ((z + NormalDist().inv_cdf(power)) / z * half / aim) ** 2
    return ceil(needed) if needed > gain.n else None
