"""The ladder: what should be tried before a fine-tune, run on the dev rows, and the chosen rung once on held-out rows.

    probe            a linear classifier on sentence embeddings, of train; needs no key
    zero-shot        the system prompt alone
    few-shot         5, 20 and 100 train rows that are most like the row
    system-prompt    with a line about each class, which the model writes from train rows
    constrained      with the classes as a JSON schema
    stronger         another model

Of free answers a judge says whether they are as good as the rows' own (`ladder_judged`); there are no classes to
describe, to hold to or to probe, and 100 examples are too long. Each of the last three stands on the rung that was
chosen so far. Chosen is the cheapest rung that the best one does not beat: the interval of their paired difference,
rows that are alike as one draw, holds 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.advise.answers import Measured, Rung
from toolkit.advise.ladder_ask import Desk, Outcome, Stopped, Timed, Unanswered, timed
from toolkit.advise.ladder_judged import graded
from toolkit.advise.ladder_prompt import FREE, PLAIN, Form, Shot, described, describing, lint
from toolkit.advise.ladder_rows import Ints, Material, Part, material
from toolkit.core.errors import MachineError
from toolkit.core.request import Request
from toolkit.near import learning
from toolkit.near.logistic import fit
from toolkit.stats.intervals import cluster_interval
from toolkit.stats.paired import binary_gain
from toolkit.store.folder import RunFolder
from toolkit.write import whole_file

SHOTS = (5, 20, 100)
FREE_SHOTS = SHOTS[:2]
ROWS = 300
FOLDER = "ladder"
TOLD = "heldout.json"

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. model, stronger: as `openai:NAME`; empty runs the probe alone, or no stronger model.

    system: the user's own system prompt. usd: cap on all that is asked, earlier runs included. rows: dev
    rows at most. needed: the score with which the climb ends, None climbs to the top. judge: who compares
    free answers; without one rows are of classes.
    """

    model: str = ""
    stronger: str = ""
    base_url: str = ""
    system: str = ""
    usd: float | None = None
    rows: int = ROWS
    needed: float | None = None
    judge: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """Those that are asked, the weaker first."""
        return tuple(use for use in (self.model, self.stronger) if use)


class Step(NamedTuple):
    """One rung to run. model: None for the probe."""

    kind: str
    name: str
    model: Timed | None
    form: Form
    shots: int = 0


class Ran(NamedTuple):
    """A step with what came of it on some rows."""

    step: Step
    outcome: Outcome
    rung: Rung


class Climbed(NamedTuple):
    """measured: the rungs on dev rows, the chosen one on held-out rows, and what there is to say. complete: all ran."""

    measured: Measured
    complete: bool


@dataclass(slots=True)
class Climb:
    """A climb under way. vectors: unit vectors of train, dev and held-out texts by the part's name."""

    plan: Plan
    rows: Material
    desk: Desk
    encode: Encode
    judge: Timed | None = None
    ran: list[Ran] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    vectors: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def probe(self, part: Part) -> Outcome:
        """Which rows a probe on all of train names right."""
        code = {name: at for at, name in enumerate(self.rows.classes)}
        train = learning.features(self.vector(self.rows.train))
        label = np.array([code[each] for each in self.rows.train.labels])
        fitted = fit(train, label, len(code), c=learning.PENALTY, tolerance=learning.TOLERANCE)
        if not fitted.converged:
            raise MachineError("the probe did not converge", "look at the rows: toolkit verify DATA")
        named = (learning.features(self.vector(part)) @ fitted.weights).argmax(axis=1)
        truth = np.array([code.get(each, -1) for each in part.labels])
        return Outcome(named == truth, np.ones(len(truth), bool), 0.0)

    def run(self, step: Step, part: Part) -> Ran:
        """A step on the rows of a part. Raises Stopped and ProviderError."""
        if step.model is None:
            outcome = self.probe(part)
        else:
            shown = self.nearest(part, step.shots)
            asked = [step.form.asked(text, shots) for text, shots in zip(part.texts, shown, strict=True)]
            outcome = self._asked(step.model, step.form, asked, part)
        return Ran(step, outcome, _rung(step, outcome, part))

    def _asked(self, model: Timed, form: Form, asked: Sequence[Request], part: Part) -> Outcome:
        if self.judge is not None:
            return graded(self.desk, model, self.judge, asked, part)
        return self.desk.run(model, form, asked, part.labels)

    def nearest(self, part: Part, count: int) -> list[list[Shot]]:
        """The `count` train rows most like each row, by cosine, the most similar last."""
        if not count:
            return [[] for _ in part.texts]
        train = self.rows.train
        cosine = self.vector(part) @ self.vector(train).T
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :count][:, ::-1]
        return [[Shot(train.texts[at], train.labels[at]) for at in each] for each in order.tolist()]

    def vector(self, part: Part) -> npt.NDArray[np.float32]:
        name = "train" if part is self.rows.train else "dev" if part is self.rows.dev else "heldout"
        if name not in self.vectors:
            self.vectors[name] = self.encode(part.texts)
        return self.vectors[name]

    def describe(self, model: Timed) -> dict[str, str]:
        """A line about each class, written by the model from train rows."""
        own = {name: [] for name in self.rows.classes}  # type: dict[str, list[str]]
        for text, label in zip(self.rows.train.texts, self.rows.train.labels, strict=True):
            own[label].append(text)
        found = self.desk.ask(model, [describing(name, own[name], self.rows.classes) for name in own])
        lines = (described(each.reply.text) if each.reply else "" for each in found.answers)
        return {name: line for name, line in zip(own, lines, strict=True) if line}

    def add(self, step: Step) -> bool:
        """Run a step on the dev rows; whether to go on climbing. A rung that a model cannot do is passed over."""
        try:
            self.ran.append(self.run(step, self.rows.dev))
        except Unanswered as failure:
            if not any(each.step.model is not None for each in self.ran):
                raise
            self.skipped.append(f"'{step.name}' could not be run: {failure.what}")
            return True
        needed = self.plan.needed
        return needed is None or self.ran[-1].rung.score < needed


def climb(folder: RunFolder, plan: Plan, encode: Encode, progress: Told | None = None) -> Climbed:
    """Run the ladder over a run that is split into train, dev and held-out rows of classes.

    What was asked lies in `RUN/ladder`: the same command goes on where it was, and asks nothing twice.
    Raises UsageError, ProviderError and MachineError; a spent budget ends the climb with what there is.
    """
    rows = material(folder, rows=plan.rows, free=bool(plan.judge))
    capped = plan.usd is not None
    models = [timed(use, "--model", base_url=plan.base_url, capped=capped) for use in plan.models]
    judge = timed(plan.judge, "--judge", base_url=plan.base_url, capped=capped) if plan.judge else None
    home = folder.path / FOLDER
    going = Climb(plan, rows, Desk(home, plan.usd, progress), encode, judge)
    stopped, final = "", None
    try:
        (_up if judge is None else _up_free)(going, models)
        chosen = choose(going.ran, rows.dev.alike)
        final = going.run(chosen.step, rows.heldout)
    except Stopped as why:
        chosen = choose(going.ran, rows.dev.alike)
        stopped = f"stopped: {why}; what was answered is kept, and the same command goes on"
    told = where_to_stop(going.ran, chosen, rows.dev.alike)
    notes = [f"So far: {told}" if stopped else told, *_unanswered([*going.ran, *([final] if final else [])])]
    notes += going.skipped
    notes += _about(judge, going.ran)
    notes += lint(plan.system, rows.classes) if plan.system else ()
    notes += _again(home, final.step) if final else [stopped]
    measured = Measured(
        source=f"{folder.path.name}: {len(rows.dev.texts):,} dev rows {_kind(rows, judge)}",
        rungs=tuple(each.rung for each in going.ran),
        final=final and final.rung,
        notes=tuple(notes),
    )
    return Climbed(measured, not stopped)


def _up(going: Climb, models: Sequence[Timed]) -> None:
    """The probe, then the rungs that ask a model, the cheapest idea first, until one is good enough."""
    form = _first(going.plan.system, going.rows.classes)
    going.add(Step("probe", "linear probe on embeddings", None, form))
    if not models or not going.add(Step("zero-shot", "no examples", models[0], form)):
        return
    for count in SHOTS:
        shown = min(count, len(going.rows.train.texts))
        if not going.add(Step("few-shot", f"{shown} examples", models[0], form, shown)):
            return
    base = _base(going)
    form = base.form._replace(described=going.describe(models[0]))
    if not going.add(base._replace(kind="system-prompt", name=f"{base.name} + a line about each class", form=form)):
        return
    base = _base(going)
    form = base.form._replace(constrained=True)
    if going.add(base._replace(kind="constrained", name=f"{base.name} + a schema", form=form)) and models[1:]:
        base = _base(going)
        going.add(base._replace(kind="stronger", name=f"{models[1].model}, {base.name}", model=models[1]))


def _up_free(going: Climb, models: Sequence[Timed]) -> None:
    """The rungs of free answers."""
    form = Form(going.plan.system or FREE, (), listed=False)
    if not going.add(Step("zero-shot", "no examples", models[0], form)):
        return
    for count in FREE_SHOTS:
        shown = min(count, len(going.rows.train.texts))
        if not going.add(Step("few-shot", f"{shown} examples", models[0], form, shown)):
            return
    if models[1:]:
        base = _base(going)
        going.add(base._replace(kind="stronger", name=f"{models[1].model}, {base.name}", model=models[1]))


def _kind(rows: Material, judge: Timed | None) -> str:
    return f"in {len(rows.classes):,} classes" if judge is None else f"of free answers, judged by {judge.model}"


def _about(judge: Timed | None, ran: Sequence[Ran]) -> list[str]:
    """What a judged score means, and how far the judge can be trusted."""
    if judge is None:
        return []
    told = [
        "right means: the judge finds the answer no worse than the row's own in both orders; rows whose own answer "
        "is poor make it easy"
    ]
    known = [each.outcome.agreed for each in ran if each.outcome.agreed is not None]
    if known:
        told.append(
            f"{judge.model} says the same in both orders of {float(np.mean(known)):.0%} of pairs; the others count as "
            "wrong. Judge twenty by hand before you trust it"
        )
    if any(each.step.model is not None and each.step.model.model == judge.model for each in ran):
        told.append(f"{judge.model} judges its own answers, with which a model is lenient: name another with --judge")
    return told


def _first(system: str, classes: tuple[str, ...]) -> Form:
    """The prompt to begin with: the classes are listed unless the user's own names each of them."""
    named = all(name.casefold() in system.casefold() for name in classes)
    return Form(system or PLAIN, classes, listed=not named)


def _base(going: Climb) -> Step:
    return choose(going.ran, going.rows.dev.alike).step


def choose(ran: Sequence[Ran], alike: Ints) -> Ran:
    """The cheapest rung that the best does not beat; the probe only where nothing else ran.

    Cheap is the price where every rung has one, else the order in which they ran.
    """
    asked = [each for each in ran if each.step.model is not None] or list(ran)
    best = max(asked, key=lambda each: each.rung.score)
    prices = [each.rung.cost_per_1000 for each in asked]
    if all(price is not None for price in prices):
        asked = sorted(asked, key=lambda each: each.rung.cost_per_1000 or 0.0)
    return next(each for each in asked if each is best or not beats(best, each, alike))


def beats(best: Ran, other: Ran, alike: Ints) -> bool:
    """Whether the gain of one over the other shows on these rows."""
    return _gain(best, other, alike)[1] > 0


def where_to_stop(ran: Sequence[Ran], chosen: Ran, alike: Ints) -> str:
    """One sentence: which rung, and why not a higher one."""
    best = max((each for each in ran if each.step.model is not None), key=lambda each: each.rung.score, default=chosen)
    if len(ran) == 1 and ran[0].step.model is None:
        return "Only the local probe ran; with --model openai:NAME the prompts are tried too."
    told = f"Stop at '{chosen.rung.name}'"
    if best is not chosen:
        gain, low, high = (100 * each for each in _gain(best, chosen, alike))
        told += (
            f": '{best.rung.name}' is the best, but {gain:.1f} points more ({low:+.1f} to {high:+.1f}) "
            f"do not show on {best.rung.rows:,} rows"
        )
    else:
        told += ": no cheaper rung is as good"
    if ran[0].step.model is None and (beats(ran[0], chosen, alike) or ran[0].rung.score >= chosen.rung.score):
        told += ". The linear probe does no worse: a classifier of your own costs next to nothing a call"
    return f"{told}."


def _gain(one: Ran, other: Ran, alike: Ints) -> tuple[float, float, float]:
    difference = one.outcome.hits.astype(float) - other.outcome.hits.astype(float)
    if len(set(alike.tolist())) < 2:
        return float(difference.mean()), -1.0, 1.0
    found = binary_gain(difference, alike)
    return found.gain, found.low, found.high


def _rung(step: Step, outcome: Outcome, part: Part) -> Rung:
    rate = cluster_interval(outcome.hits, part.alike)
    return Rung(
        kind=step.kind,  # type: ignore[arg-type]  # pydantic holds it to the words
        name=step.name,
        score=rate.rate,
        low=rate.low,
        high=rate.high,
        rows=len(outcome.hits),
        examples=step.shots,
        off_shape=None if step.model is None else 1 - float(outcome.shaped.mean()),
        cost_per_1000=outcome.cost_per_1000,
        latency_s=outcome.latency_s,
        agreed=outcome.agreed,
    )


def _unanswered(ran: Sequence[Ran]) -> list[str]:
    return [
        f"'{each.rung.name}': {each.outcome.unanswered} rows got no answer and count as wrong"
        for each in ran
        if each.outcome.unanswered
    ]


def _again(folder: Path, step: Step) -> list[str]:
    """Remember that the held-out rows judged this step, and say so where they have judged others before."""
    path = folder / TOLD
    told = [step.kind, step.model.model if step.model else "", step.shots, step.form.prompt(), step.form.constrained]
    mark = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    try:
        known = set(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        known = set()
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(json.dumps(sorted(known | {mark})).encode())
    if not known - {mark}:
        return []
    many = len(known | {mark})
    return [f"the held-out rows have now judged {many} rungs: the best of them looks better than it is"]
