"""F02: what a given trainer drops, cuts and trains on."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.chat.example import READS, stage_of
from toolkit.chat.forecast import LEFT_OVER
from toolkit.chat.ledger import Looked, look, suggested
from toolkit.chat.tokenizer import files_of, load
from toolkit.core import parts
from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Findings, Result
from toolkit.store.view import View

UNASKED = "no trainer was named: toolkit readiness RUN --trainer NAME --model FOLDER"


@dataclass(frozen=True, slots=True)
class TrainerDryRun:
    """The same file at the same length limit trains on half or on nearly all of its answers, depending on the trainer.

    Each row is rendered with the model's own chat template, tokenised with its tokenizer, and put
    through the rules of one version of the trainer. Found: `stops` (the trainer ends with an error at this
    row), `dropped` (it never reaches the model, the reason is said), `answer-cut` (tokens with a loss are
    cut off: the model learns to stop in the middle), `prompt-cut` (only context is lost),
    `nothing-trainable` (it takes time and teaches nothing) and `left-over` (the last rows of a file
    that fill no batch). Facts: tokens, steps, and the length limit that 99 % of the rows stay under.

    Method: `benchmarks/trainers.py` holds ids and labels against the trainers' own preprocessing on
    thousands of adversarial rows; they are equal for the versions that the parts of the shelf `trainers`
    name. What a trainer does in another version, or with options that its part does not have, is missed;
    so are pictures. A row of a preference data set is its two sequences, whose tokens are added up.

    trainer, model: a part of the shelf and a folder or cached Hub id. options: the trainer's, as JSON.
    """

    id: ClassVar[str] = "trainer-dry-run"
    code: ClassVar[str] = "F02"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = READS

    trainer: str = ""
    model: str = ""
    options: str = "{}"

    def inputs(self) -> list[str]:
        """What the result depends on besides the rows: the tokenizer's files and the version that is modelled."""
        if not self.trainer or not self.model:
            return []
        return [parts.part("trainers", self.trainer).models, *files_of(self.model)]

    def run(self, view: View) -> Iterator[Result]:
        if not self.trainer or not self.model:
            raise Skip(UNASKED)
        stage = stage_of(view.manifest.format)
        if stage != parts.part("trainers", self.trainer).stage:
            raise NotApplicable(f"{self.trainer} is not for {view.manifest.format} rows")
        if not view.n_rows:
            raise NotApplicable("there is no row to train on")
        trainer = self.part()
        table = self.looked(view).table
        yield from _findings(table, trainer)
        yield from _facts(table, trainer)

    def part(self) -> Any:
        """The trainer with its options."""
        return parts.build("trainers", self.trainer, json.loads(self.options))

    def looked(self, view: View) -> Looked:
        """The ledger and the preview of the rows in scope, made once a run."""
        key = f"trained {self.trainer} {self.model} {self.options}"
        return view.once(key, lambda: look(view, self.part(), load(self.model)))


def _findings(table: pa.Table, trainer: Any) -> Iterator[Findings]:
    kept, stops = table.column("kept"), table.column("stops")
    name = trainer.models
    over = pc.equal(table.column("reason"), LEFT_OVER)
    masks = {
        "stops": (stops, f"{name} stops with an error at such a row"),
        "left-over": (over, f"{name} never sees the last rows, which fill no batch"),
        "dropped": (pc.and_(pc.invert(kept), pc.invert(pc.or_(stops, over))), f"{name} drops the row"),
        "nothing-trainable": (
            pc.and_(kept, pc.equal(table.column("trained_tokens"), 0)),
            f"{name} has nothing to train on in the row",
        ),
        "answer-cut": (pc.and_(kept, table.column("answer_cut")), f"{name} cuts the answer off"),
        "prompt-cut": (pc.and_(kept, table.column("prompt_cut")), f"{name} cuts off a part of the prompt"),
    }
    for kind, (mask, message) in masks.items():
        chosen = table.filter(pc.fill_null(mask, False))
        if len(chosen):
            rows = chosen.column("row").to_numpy()
            yield Findings(rows, 1.0, _why(chosen, message), kind=kind, column="turns", evidence=_evidence(chosen))


def _why(chosen: pa.Table, message: str) -> str:
    """The message with its commonest reason."""
    reasons = Counter(reason for reason in chosen.column("reason").to_pylist() if reason)
    return f"{message}: {reasons.most_common(1)[0][0]}" if reasons else message


def _evidence(chosen: pa.Table) -> list[str]:
    told = chosen.select(["reason", "full_tokens", "tokens", "trained_tokens", "wanted_tokens"])
    return [json.dumps({key: value for key, value in each.items() if value != ""}) for each in told.to_pylist()]


def _facts(table: pa.Table, trainer: Any) -> Iterator[Fact]:
    kept = table.filter(table.column("kept"))
    reasons = Counter(table.filter(pc.invert(table.column("kept"))).column("reason").to_pylist())
    yield Fact("rows trained on", float(len(kept)), "rows")
    for reason, n in sorted(reasons.items()):
        yield Fact("rows not trained on", float(n), "rows", reason)
    yield Fact("answers cut", float(pc.sum(kept.column("answer_cut")).as_py() or 0), "rows")
    yield Fact("prompts cut", float(pc.sum(kept.column("prompt_cut")).as_py() or 0), "rows")
    nothing = pc.sum(pc.equal(kept.column("trained_tokens"), 0)).as_py() or 0
    yield Fact("rows with nothing to train on", float(nothing), "rows")
    wanted, trained = _total(table, "wanted_tokens"), _total(kept, "trained_tokens")
    yield Fact("tokens", _total(kept, "tokens"), "tokens", "a pass")
    yield Fact("tokens with a loss", trained, "tokens", "a pass")
    if wanted:
        yield Fact("tokens with a loss that are left of what the rows have", 100 * trained / wanted, "%")
    full = table.column("full_tokens").filter(pc.invert(table.column("stops")))
    if len(full):
        for at in (50, 90, 99, 100):
            yield Fact("tokens a row before the cut", float(np.percentile(full.to_numpy(), at)), "tokens", f"p{at}")
        yield Fact(f"{trainer.limit} that 99 % of the rows stay under", float(suggested(full)), "tokens")
    yield from _steps(table, trainer)


def _total(table: pa.Table, name: str) -> float:
    return float(pc.sum(table.column(name)).as_py() or 0)


def _steps(table: pa.Table, trainer: Any) -> Iterator[Fact]:
    """Optimizer steps on one device with the trainer's own batch size and epochs, unless they were given."""
    kept = int(pc.sum(table.column("kept")).as_py() or 0)
    size = math.prod(getattr(trainer, name) for name in trainer.batch)
    packed = trainer.packed(table.column("tokens").to_pylist()) if hasattr(trainer, "packed") else None
    if packed is not None:
        yield Fact("sequences that rows are packed into", float(packed.sequences), "sequences", "a pass")
        filled = 100 * _total(table, "tokens") / max(1, packed.sequences * packed.room)
        yield Fact("places of the packed sequences that hold a token", filled, "%")
    epochs = getattr(trainer, "num_train_epochs", None) or getattr(trainer, "num_epochs", None)
    if epochs is None:
        yield Fact("steps", float(trainer.iters), "steps")
        yield Fact("epochs", trainer.iters * trainer.batch_size / max(kept, 1), "passes")
        return
    yield Fact("epochs", float(epochs), "passes")
    yield Fact("steps", float(math.ceil(epochs * (packed.steps if packed else math.ceil(kept / size)))), "steps")
