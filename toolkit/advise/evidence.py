"""Answers that follow from measured ones: what was run or counted stands before what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.advise.answers import Answers, Rung, Stated

BIG_CALLS_A_DAY = 5_000


def filled(answers: Answers, facts: Mapping[str, Stated[Any]]) -> tuple[Answers, tuple[str, ...]]:
    """The answers with those that rows and the rungs of the ladder give, and a line for each that they contradict."""
    return replaced(answers, {**facts, **_from_rungs(answers)})


def replaced(answers: Answers, measured: Mapping[str, Stated[Any]]) -> tuple[Answers, tuple[str, ...]]:
    """The answers with measured ones in their place, and a line for each known answer that differs."""
    said = []
    for name, stated in measured.items():
        before = getattr(answers, name)
        if before.known and before.answer != stated.answer and before.source == "you":
            said.append(f"{name}: you said {before.answer}, measured is {stated.answer} ({stated.evidence})")
    return answers.model_copy(update=dict(measured)), tuple(said)


def _from_rungs(answers: Answers) -> dict[str, Stated[Any]]:
    rungs = [each for each in answers.measured.rungs if each.kind not in ("probe", "tuned")]
    if not rungs:
        return {}
    weaker = [each for each in rungs if each.kind != "stronger"]
    found: dict[str, Stated[Any]] = {}
    shots = max((each.examples for each in rungs), default=0)
    if shots:
        found["prompt_examples"] = _measured(shots, f"{shots} were tried on {rungs[0].rows:,} rows")
    if any(each.kind == "constrained" for each in rungs):
        found["constrained_output"] = _measured("yes", "it was run")
    if weaker:
        best, final = max(weaker, key=lambda each: each.score), answers.measured.final
        if final is not None and final.kind not in ("probe", "stronger"):
            # The best of several on the rows that chose it looks better than it is.
            found["score_now"] = _measured(final.score, f"{_rung(final)}, held out")
        else:
            found["score_now"] = _measured(best.score, _rung(best))
    if len(weaker) < len(rungs):
        found |= _stronger(answers, max((each for each in rungs if each.kind == "stronger"), key=lambda e: e.score))
    return found


def _stronger(answers: Answers, rung: Rung) -> dict[str, Stated[Any]]:
    found: dict[str, Stated[Any]] = {"stronger_tried": _measured("yes", _rung(rung))}
    if answers.score_needed.known:
        needed = float(answers.score_needed.answer)
        found["frontier_does_it"] = _measured("yes" if rung.score >= needed else "no", _rung(rung))
    return found


def _rung(rung: Rung) -> str:
    return f"{rung.name}: {rung.score:.1%} ({rung.low:.1%} to {rung.high:.1%}) on {rung.rows:,} rows"


def _measured(answer: Any, evidence: str) -> Stated[Any]:
    return Stated(answer=answer, evidence=evidence, source="measured")
