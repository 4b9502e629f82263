"""The verb: plan a split, write its files, and run the checks that look at a split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from toolkit.checks.cross_validated import CrossValidated
from toolkit.checks.drift import Drift
from toolkit.checks.heldout_size import HeldoutSize
from toolkit.checks.leak import Leak
from toolkit.checks.leaked_score import LeakedScore
from toolkit.checks.learning_curve import LearningCurve
from toolkit.checks.semantic_leak import SemanticLeak
from toolkit.checks.split_quality import SplitQuality
from toolkit.checks.token_budget import TokenBudget
from toolkit.core.errors import InputError
from toolkit.core.types import JSON
from toolkit.decide import decide
from toolkit.findings import policy_of
from toolkit.near import ties
from toolkit.near.percolation import STEPS
from toolkit.read import Progress, ReadOptions, locate, read
from toolkit.scene import Scene, name_findings, run_checks
from toolkit.split.plan import DEV, HELDOUT, LEFT_OUT, TRAIN, Ints, Plan, SplitOptions, plan
from toolkit.split.result import (
    VERSION,
    SplitPart,
    SplitResult,
    kept_digest,
    remove_split,
    write_manifest,
    write_part,
    write_places,
)
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, open_run
from toolkit.store.ledger import Ledger
from toolkit.store.view import Encode, View

SCOPE = "split"
GIVEN = Path("references") / "heldout"


def split(
    run: str | Path,
    options: SplitOptions | None = None,
    *,
    encode: Encode | None = None,
    progress: Progress | None = None,
) -> SplitResult:
    """Split the rows of a verified run that stay into train, held-out and, where asked for, dev.

    run: a run folder or its name. encode: lets a small held-out set be joined by a cross-validated
    estimate. Raises UsageError for options that cannot be meant or fewer than two rows, InputError
    where there is no such run.
    """
    options = options or SplitOptions()
    options.check()
    folder = open_run(run)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        data, kept = Dataset(folder.dataset), decide(ledger, policy_of(ledger)).stays
        _say(progress, "split")
        made = plan(View(data, (*ties.READS, "raw"), kept), options)
        remove_split(folder)
        sorted_parts = _parts(folder, data, made)
        places = {name: (data, part.keep) for name, part in sorted_parts.items()}
        if made.left_out:
            places["left out"] = (data, made.of(LEFT_OUT))
        write_places(folder, places)
        told: dict[str, JSON] = {"given": False, "seed": options.seed, **made.figures()}
        asked = {DEV: options.dev, HELDOUT: made.share_taken}
        quality = SplitQuality(
            heldout=asked[HELDOUT],
            dev=asked[DEV],
            threshold=made.sweep.threshold,
            only_train=made.only_train,
            left_out=made.left_out,
        )
        leak = Leak(threshold=made.sweep.threshold, columns=("body", "question") if made.prompts else ("body",))
        result = SplitResult(folder, data, sorted_parts, _manifest(sorted_parts, kept, told, made.warnings))
        return _checked(ledger, result, [quality, HeldoutSize(), leak, *_shared()], encode, progress)


def split_given(
    run: str | Path,
    heldout: Any,
    *,
    reading: ReadOptions | None = None,
    encode: Encode | None = None,
    progress: Progress | None = None,
) -> SplitResult:
    """A split whose held-out rows are the user's own file: all rows that stay are train.

    heldout: what `read` takes. Its rows are compared with train and measured, not cleaned. Raises
    InputError where it cannot be read or has no row.
    """
    folder = open_run(run)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        data, kept = Dataset(folder.dataset), decide(ledger, policy_of(ledger)).stays
        held = read(heldout, folder.path / GIVEN, reading, progress)
        held = Dataset(held.folder, beside=data)
        if not held.n_rows:
            raise InputError(f"{locate(heldout).name} has no row that can be read", "name another held-out file")
        own = np.concatenate([batch.column("row").to_numpy() for batch in held.batches(("ref",))])
        remove_split(folder)
        train = write_part(folder, "train", data, kept, None)
        parts = {"train": train, "heldout": write_part(folder, "heldout", held, own, None)}
        write_places(folder, {name: (part.data, part.keep) for name, part in parts.items()})
        told: dict[str, JSON] = {
            "given": True,
            "heldout": held.manifest.digest,
            "heldout_data": str(GIVEN),
            "heldout_source": held.manifest.sources[0].name,
            "threshold": STEPS[-1],
            "threshold_why": "the held-out rows were given",
        }
        result = SplitResult(folder, data, parts, _manifest(parts, kept, told, _unread(held)))
        checks = [SplitQuality(threshold=STEPS[-1]), HeldoutSize(), Leak(threshold=STEPS[-1]), *_shared()]
        return _checked(ledger, result, checks, encode, progress)


def _shared() -> tuple[Any, ...]:
    """The checks that look at every split alike."""
    return SemanticLeak(), CrossValidated(), LearningCurve(), LeakedScore(), TokenBudget(), Drift()


def _parts(folder: RunFolder, data: Dataset, made: Plan) -> dict[str, SplitPart]:
    rest = len(made.rows) - sum(made.targets.values())
    wanted = {TRAIN: rest, DEV: made.targets.get(DEV), HELDOUT: made.targets[HELDOUT]}
    names = {TRAIN: "train", DEV: "dev", HELDOUT: "heldout"}
    return {
        name: write_part(folder, name, data, made.of(code), wanted[code])
        for code, name in names.items()
        if wanted[code] is not None
    }


def _manifest(parts: dict[str, SplitPart], kept: Ints, told: dict[str, JSON], warnings: list[str]) -> dict[str, Any]:
    n = sum(each.rows for each in parts.values())
    return {
        "version": VERSION,
        "dataset": parts["train"].data.manifest.digest,
        "kept": kept_digest(kept),
        **told,
        "parts": [
            {
                "name": each.name,
                "file": each.file.name,
                "rows": each.rows,
                "share": round(each.rows / max(n, 1), 6),
                "target": each.target,
                "sha256": each.sha256,
            }
            for each in parts.values()
        ],
        "warnings": warnings,
    }


def _unread(held: Dataset) -> list[str]:
    rejects = held.manifest.rejects
    return [f"{rejects:,} records of the held-out file are no rows and are left away"] if rejects else []


def _checked(
    ledger: Ledger, result: SplitResult, checks: list[Any], encode: Encode | None, progress: Progress | None
) -> SplitResult:
    """Run the checks of a split, put their figures into the manifest, and write it."""
    others = tuple((name, each.data, each.keep) for name, each in result.parts.items() if name != "heldout")
    held = result.heldout
    used = Dataset(result.run.usage, beside=result.data) if result.run.usage.is_dir() else None
    scene = Scene(held.data, others, encode, held.keep, progress=progress, usage=used)
    run_checks(ledger, checks, scene, SCOPE)
    name_findings(ledger, held.data, [SCOPE])
    facts = ledger.rows(
        """SELECT "check", name, value, unit, "group", low, high FROM facts JOIN runs USING (run)
        WHERE scope = ? AND "check" = 'split-quality' ORDER BY facts.rowid""",
        [SCOPE],
    )
    manifest = {
        **result.manifest,
        "stratification": [{key: fact[key] for key in fact if key != "check"} for fact in facts],
    }
    write_manifest(result.run, manifest)
    outcomes = tuple(each for each in decide(ledger, policy_of(ledger)).outcomes if each.scope == SCOPE)
    return SplitResult(result.run, result.data, result.parts, manifest, outcomes)


def _say(progress: Progress | None, what: str) -> None:
    if progress is not None:
        progress(what, 0, 0)
