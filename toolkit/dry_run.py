"""The verb: what a given trainer will really train on, row by row, before it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.chat.example import READS, examples, stage_of
from toolkit.chat.forecast import forecast
from toolkit.chat.ledger import shown
from toolkit.chat.tokenizer import load
from toolkit.checks.chat_template import ChatTemplate
from toolkit.checks.trainer_dry_run import TrainerDryRun
from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.decide import decide
from toolkit.findings import policy_of
from toolkit.read import Progress
from toolkit.scene import Scene, name_findings, run_checks
from toolkit.split import load_split
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, open_run
from toolkit.store.ledger import Ledger
from toolkit.store.view import View
from toolkit.write import whole_file

LEDGER = "trained.parquet"
META = "training"
STAGED = {"sft": "rows with one answer", "dpo": "pairs", "kto": "answers that are wanted or not"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A trainer, a model folder or cached Hub id, and the trainer's options. max_length: tokens, 0 for its default."""

    trainer: str
    model: str
    max_length: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> TrainerDryRun:
        """The check that looks; raises UsageError for a trainer or an option that there is not."""
        found = parts.part("trainers", self.trainer)
        if not self.model:
            what = f"--trainer {self.trainer} needs the model's tokenizer and chat template"
            raise UsageError(what, "add --model FOLDER, or the id of a model in the Hub cache")
        if self.max_length < 0:
            raise UsageError(f"--max-length {self.max_length} is no length", "give a number of tokens")
        given = dict(self.options)
        if self.max_length:
            given[found.limit] = self.max_length
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        _check_types(parts.build("trainers", found.id, given))
        return TrainerDryRun(found.id, self.model, json.dumps(given, sort_keys=True))


@dataclass(frozen=True)
class DryRun:
    """What was found. told: trainer, models (its version), model, limit, options, part (which rows were looked at),
    preview and figures; ledger: trained.parquet, one line a row."""

    run: RunFolder
    told: dict[str, Any]
    ledger: Path

    def __repr__(self) -> str:
        return f"<DryRun {self.told['models']}: {self.told['line']}>"


def dry_run(run: str | Path, asked: Asked, *, progress: Progress | None = None) -> DryRun:
    """Look at the rows of a verified run that would be trained on: train of its split, else all that stay.

    The findings go into the run's ledger, so that its readiness report speaks of this trainer. Raises
    UsageError and InputError for a trainer, model or template that cannot be used.
    """
    check = asked.check()
    folder = open_run(run)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        data, part, rows = _rows(folder, ledger)
        if not len(rows):
            raise InputError(f"no row of {folder.path} stays to train on", f"read {folder.quarantine} for the reasons")
        _fits(data.manifest.format, check.part())
        scene = Scene(data, keep=rows, progress=progress)
        before = ledger.digest_of(check.id, check.scope)
        looks = [check] if data.manifest.format == "text" else [check, ChatTemplate(asked.model, asked.trainer)]
        run_checks(ledger, looks, scene, "kept")
        name_findings(ledger, data, ["kept"])
        target = folder.path / LEDGER
        digest = ledger.digest_of(check.id, check.scope)
        if digest != before or not target.exists() or load_told(ledger) is None:
            looked = check.looked(scene.view(READS))
            with whole_file(target) as file:
                pq.write_table(looked.table, file, compression="zstd")
            told = _told(check, asked, part, looked.preview)
            ledger.set_meta(META, json.dumps({**told, "digest": digest, **figures(ledger, told)}, ensure_ascii=False))
        found = load_told(ledger)
        assert found is not None  # noqa: S101 - written above
        return DryRun(folder, found, target)


def load_told(ledger: Ledger) -> dict[str, Any] | None:
    """What the last dry run told; None where there is none, or the rows have changed since."""
    found = ledger.meta(META)
    told: dict[str, Any] | None = json.loads(found) if found else None
    return told if told and told["digest"] == ledger.digest_of("trainer-dry-run", "kept") else None


def preview(run: str | Path, asked: Asked, ref: str) -> dict[str, Any]:
    """One row by its id as the model will see it. Raises InputError where no such row stays."""
    check = asked.check()
    folder = open_run(run)
    with Ledger(folder.ledger, read_only=True) as ledger:
        data, _, rows = _rows(folder, ledger)
    view = View(data, READS, rows)
    for batch in view.batches(*READS):
        chosen = batch.filter(pc.equal(batch.column("ref"), ref))
        for example in examples(chosen):
            tokenizer = load(asked.model)
            trained = next(each for _, each in forecast(check.part(), tokenizer, [example]))
            return {**shown(example, trained, tokenizer), "kept": trained.kept, "reason": trained.reason}
    raise InputError(f"no row '{ref}' would be trained on in {folder.path}", "toolkit why ROW says where a row went")


def figures(ledger: Ledger, told: dict[str, Any]) -> dict[str, Any]:
    """The facts of the dry run as `figures`, and its one `line`."""
    sql = """SELECT name, value, unit, "group" FROM facts JOIN runs USING (run)
             WHERE runs."check" = 'trainer-dry-run' ORDER BY facts.rowid"""
    found = ledger.rows(sql)
    by_name = {each["name"]: each["value"] for each in found if not each["group"] or each["group"] == "a pass"}
    lost = [each for each in found if each["name"] == "rows not trained on"]
    out = sum(each["value"] for each in lost)
    total = by_name["rows trained on"] + out
    line = f"{by_name['rows trained on']:,.0f} of {total:,.0f} rows of {told['part']} reach the model"
    line += f", {by_name['answers cut']:,.0f} of them with the answer cut" if by_name["answers cut"] else ""
    line += f"; {by_name['tokens with a loss']:,.0f} of {by_name['tokens']:,.0f} tokens have a loss"
    return {"line": line, "figures": found}


def _told(check: TrainerDryRun, asked: Asked, part: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    trainer = check.part()
    return {
        "trainer": trainer.id,
        "models": trainer.models,
        "model": Path(asked.model).name if Path(asked.model).is_dir() else asked.model,
        "limit": trainer.limit,
        "max_length": getattr(trainer, trainer.limit),
        "options": json.loads(check.options),
        "part": part,
        "preview": rows,
    }


def _rows(folder: RunFolder, ledger: Ledger) -> tuple[Dataset, str, np.ndarray]:
    """The data set, the name of the part that is trained on, and the ordinals of its rows."""
    stays = decide(ledger, policy_of(ledger)).stays
    split = load_split(folder, stays)
    if split is not None:
        return split.train.data, "train", split.train.keep
    return Dataset(folder.dataset), "the rows that stay", stays


def _fits(row_format: str, trainer: Any) -> None:
    """Raise UsageError where a trainer's dry run is for another kind of training than the rows are."""
    stage = stage_of(row_format)
    if stage == trainer.stage:
        return
    able = sorted(name for name, each in parts.parts("trainers").items() if each.stage == stage)
    what = f"{trainer.id} is for {STAGED[trainer.stage]}, and these are {row_format} rows"
    raise UsageError(what, f"--trainer {', '.join(able)}" if able else "no trainer's dry run takes them")


def _check_types(built: Any) -> None:
    """Raise UsageError for an option whose value is of another kind than its default."""
    for each in fields(built):
        value, default = getattr(built, each.name), each.default
        kind = (bool, type(None)) if default is None or isinstance(default, bool) else type(default)
        right = isinstance(value, kind) or (isinstance(default, float) and isinstance(value, int))
        if not right or (isinstance(value, bool) and not (default is None or isinstance(default, bool))):
            what = f"{built.id}.{each.name} is {value!r}"
            raise UsageError(what, f"it is {'true or false' if isinstance(kind, tuple) else kind.__name__}")
