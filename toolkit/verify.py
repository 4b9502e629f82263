"""Look at every row: freeze the input, run the checks, decide, and write what stays and what leaves.

A check that raises is a failed run with its reason; the others go on. A check whose digest (its id,
version and options, and the bytes of every input) is in the ledger already is not run again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import parts, secrets
from toolkit.core.errors import InputError, UsageError, unknown
from toolkit.core.policy import Policy, load_policy
from toolkit.core.types import Level
from toolkit.decide import Decision, decide
from toolkit.look import Look, collect, look
from toolkit.read import Progress, ReadOptions, locate, read
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, default_run
from toolkit.store.ledger import Ledger, Run
from toolkit.store.view import Encode, View
from toolkit.write import write_kept, write_quarantine

EXCERPTS = 200


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to run and how. only, skip: check ids or codes. options: a check's options by its id.

    embed: whether checks may use the encoder. precision: `auto` (bf16 where the processor has it) or
    `fp32`. encoder: a sentence-transformers name or path, empty for the packaged one. self_test: whether
    to plant known defects into a copy of the rows and measure what the checks find of them.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    embed: bool = True
    precision: str = "auto"
    encoder: str = ""
    self_test: bool = False


@dataclass(frozen=True)
class Verified:
    """A verified data set: where it lies and what was decided. notes: what went less well, as a cache not written."""

    run: RunFolder
    data: Dataset
    decision: Decision
    policy: Policy
    notes: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """The highest level that a check of the input reached; whether the rows are enough is asked by readiness."""
        return max((each.level_input for each in self.decision.outcomes if each.scope == "input"), default=Level.OK)

    def __repr__(self) -> str:
        kept = self.decision.kept
        out = self.decision.records - kept
        return f"<Verified {self.run.path}: {self.decision.records:,} records, {kept:,} kept, {out:,} quarantined>"

    def _repr_markdown_(self) -> str:
        return str(parts.build("renderers", "markdown").outcomes(self.decision))


def verify(
    data: Any,
    *,
    run: str | Path | None = None,
    against: Sequence[Any] = (),
    usage: Any = None,
    reading: ReadOptions | None = None,
    options: VerifyOptions | None = None,
    policy: Policy | Path | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Verify `data` into a run folder and return the decision.

    data: a path, a Hub id, a `datasets.Dataset`, an Arrow table, a pandas frame, or a list of dicts.
    against: data that no row may stand in, such as held-out files and benchmarks. usage: a sample of real
    use that the rows should cover; a row may stand in both. Raises UsageError
    for an unknown check or option, InputError for data that cannot be read, MachineError when the
    folder cannot be written.
    """
    options = options or VerifyOptions()
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    checks = planned(options)
    folder = RunFolder(Path(run)) if run else default_run(locate(data, reading).name)
    with folder.locked():
        frozen = read(data, folder.dataset, reading, progress)
        references = _references(against, folder, reading, progress)
        with Ledger(folder.ledger) as ledger:
            _describe(ledger, frozen)
            ledger.set_meta("source", _source(data, frozen))
            used = _usage(usage, folder, reading, progress)
            scene = Scene(frozen, references, encoder(options, progress), progress=progress, usage=used)
            checks = _self_tested(checks, scene, rules) if options.self_test else checks
            run_checks(ledger, [each for each in checks if each.scope in ("input", "references")], scene, "input")
            kept = decide(ledger, rules).stays
            run_checks(ledger, [each for each in checks if each.scope == "kept"], scene.keeping(kept), "kept")
            name_findings(ledger, frozen)
            decision = decide(ledger, rules)
            write_kept(frozen, decision.rejected, folder.kept)
            write_quarantine(frozen, ledger, rules, decision.rejected, folder.quarantine)
            ledger.set_meta("policy", rules.model_dump_json())
    return Verified(folder, frozen, decision, rules, tuple(getattr(scene.encode, "notes", ())))


def planned(options: VerifyOptions) -> list[Any]:
    """The checks to run, built with their options; `parse` is always among them."""
    known = parts.parts("checks")
    chosen = {_id(name, known) for name in options.only} or set(known)
    chosen -= {_id(name, known) for name in options.skip}
    for name in options.options:
        _id(name, known)
    chosen.add("parse")
    by_id = {_id(name, known): dict(found) for name, found in options.options.items()}
    return [parts.build("checks", name, by_id.get(name)) for name in known if name in chosen]


def _id(name: str, known: Mapping[str, Any]) -> str:
    if name in known:
        return name
    try:
        return str(parts.part("checks", name).id)
    except UsageError:
        raise unknown("check", name, known) from None


@dataclass(frozen=True)
class Scene:
    """What the checks of one stage are given: rows in scope, references, the encoder, what they share."""

    data: Dataset
    references: tuple[tuple[str, Dataset, np.ndarray | None], ...] = ()
    encode: Encode | None = None
    keep: np.ndarray | None = None
    memo: dict[Any, Any] = field(default_factory=dict)
    progress: Progress | None = None
    usage: Dataset | None = None

    def keeping(self, keep: np.ndarray) -> Scene:
        return Scene(self.data, self.references, self.encode, keep, self.memo, self.progress, self.usage)

    def view(self, reads: tuple[str, ...]) -> View:
        """The view of a check that declares `reads`."""
        others = tuple(
            View(data, reads, keep, name=name, encode=self.encode, memo=self.memo)
            for name, data, keep in self.references
        )
        used = View(self.usage, reads, name="usage", encode=self.encode, memo=self.memo) if self.usage else None
        return View(self.data, reads, self.keep, others, encode=self.encode, memo=self.memo, usage=used)

    def digest(self, check: Any) -> list[Any]:
        """What a check's result depends on besides the check itself: as little as it can, so that little is redone."""
        told: list[Any] = [self.data.manifest.digest, _ordinals(self.keep)]
        if check.scope in ("references", "split") or getattr(check, "compares_usage", False):
            told += [[name, data.manifest.digest, _ordinals(keep)] for name, data, keep in self.references]
        if getattr(check, "compares_usage", False):
            told.append(self.usage.manifest.digest if self.usage else None)
        return [*told, getattr(self.encode, "identity", None)] if getattr(check, "embeds", False) else told


def run_checks(ledger: Ledger, checks: Sequence[Any], scene: Scene, scope: str) -> None:
    """Run those checks that the ledger does not have yet: row by row in one shared pass, then the others."""
    todo = [each for each in checks if ledger.digest_of(each.id, scope) != _digest(each, scene)]
    shared = [each for each in todo if hasattr(each, "look")]
    if shared:
        _run_shared(ledger, shared, scene, scope)
    for each in todo:
        if hasattr(each, "look"):
            continue
        view = scene.view(each.reads)
        if scene.progress is not None:
            scene.progress(each.id, 0, 0)
        _write(ledger, each, scene, scope, collect(lambda each=each, view=view: list(each.run(view))))  # type: ignore[misc]


def _run_shared(ledger: Ledger, checks: list[Any], scene: Scene, scope: str) -> None:
    """One pass over the rows for all checks that look at a row at a time."""
    view = scene.view(tuple(dict.fromkeys(name for each in checks for name in each.reads)))
    told = scene.progress
    looks = look(checks, view, lambda done: told("look", done, view.n_rows) if told is not None else None)
    for each in checks:
        _write(ledger, each, scene, scope, looks[each.id])


def _write(ledger: Ledger, check: Any, scene: Scene, scope: str, seen: Look) -> None:
    view = scene.view(check.reads)
    total = view.n_rows + (view.manifest.rejects if "rejects" in check.reads else 0)
    if getattr(check, "whole", False):  # it looks at the other parts of the split too
        total += sum(other.n_rows for other in view.references)
    if seen.status == "ran" and getattr(check, "embeds", False):
        ledger.set_meta("encoder", str(getattr(scene.encode, "identity", "unnamed")))
    run = Run(
        check=check.id,
        code=check.code,
        scope=scope,
        version=check.version,
        digest=_digest(check, scene),
        options=json.dumps(asdict(check), default=str, sort_keys=True),
        status=seen.status,
        reason=seen.reason,
        seen=total if seen.status == "ran" else 0,
        total=total,
        seconds=seen.seconds,
    )
    ledger.write(run, seen.results)


def _digest(check: Any, scene: Scene) -> str:
    told = [check.id, check.version, asdict(check), scene.digest(check)]
    if hasattr(check, "inputs"):  # files that its options name
        told.append(check.inputs())
    return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()


def _ordinals(keep: np.ndarray | None) -> str | None:
    return None if keep is None else hashlib.sha256(keep.astype(np.int64).tobytes()).hexdigest()


def _references(
    against: Sequence[Any], folder: RunFolder, reading: ReadOptions | None, progress: Progress | None
) -> tuple[tuple[str, Dataset, None], ...]:
    found = []
    for at, each in enumerate(against):
        name = locate(each).name
        frozen = read(each, folder.reference(f"{at}-{Path(name).name}"), _loosely(reading), progress)
        found.append((name, frozen, None))
    return tuple(found)


def _usage(usage: Any, folder: RunFolder, reading: ReadOptions | None, progress: Progress | None) -> Dataset | None:
    """The sample of real use, frozen into the run; one that an earlier run was given is gone when none is given."""
    if usage is None:
        shutil.rmtree(folder.usage, ignore_errors=True)
        return None
    found = read(usage, folder.usage, _loosely(reading), progress)
    if not found.n_rows:
        raise InputError(f"{locate(usage).name} has no row that can be read", "name another sample with --usage")
    return found


def _self_tested(checks: list[Any], scene: Scene, rules: Policy) -> list[Any]:
    from toolkit.self_test import prepare

    return prepare(checks, scene, rules)


def _loosely(reading: ReadOptions | None) -> ReadOptions | None:
    """Reading options for a reference, whose format may be another."""
    return None if reading is None else ReadOptions(text=reading.text, label="", delimiter=reading.delimiter)


def _describe(ledger: Ledger, frozen: Dataset) -> None:
    """Tell the ledger what it is about; another data set starts it afresh."""
    if ledger.meta("dataset") != frozen.manifest.digest:
        ledger.clear()
    ledger.set_meta("dataset", frozen.manifest.digest)
    ledger.set_meta("records", str(frozen.manifest.rows + frozen.manifest.rejects))
    ledger.set_meta("rows", str(frozen.manifest.rows))
    ledger.set_meta("manifest", json.dumps(asdict(frozen.manifest), ensure_ascii=False))


def _source(data: Any, frozen: Dataset) -> str:
    """The source as a path relative to the working folder where it lies in it, else its name."""
    path = Path(data) if isinstance(data, str | Path) else Path(frozen.manifest.sources[0].name)
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return path.name


def encoder(options: VerifyOptions, progress: Progress | None = None) -> Encode | None:
    """The encoder that the options ask for, loaded when it is first used; None where checks do without."""
    if not options.embed:
        return None
    from toolkit.near.encode import lazy_encoder

    return lazy_encoder(options.encoder, options.precision, progress)


def name_findings(ledger: Ledger, frozen: Dataset, scopes: Sequence[str] = ("input", "kept")) -> None:
    """Give findings the names of their rows and, for the first of each check, an excerpt.

    scopes: whose findings; those of a split may be about rows of another data set.
    """
    names = [batch.select(["row", "ref"]) for batch in frozen.batches(("ref",))]
    table = (
        pa.Table.from_batches(names)
        if names
        else pa.table({"row": pa.array([], pa.int64()), "ref": pa.array([], pa.string())})
    )
    ledger.name_rows(pa.concat_tables([table, frozen.rejects().select(["row", "ref"])]), scopes)
    wanted = ledger.query(
        f"""SELECT DISTINCT "row" FROM
        (SELECT "row", row_number() OVER (PARTITION BY run, kind ORDER BY score DESC, "row") AS place
         FROM findings JOIN runs USING (run) WHERE "row" IS NOT NULL AND excerpt IS NULL AND list_contains(?, scope))
        WHERE place <= {EXCERPTS} ORDER BY 1""",
        [list(scopes)],
    )
    ledger.set_excerpts(_excerpts(frozen, wanted.column("row")), scopes)


def _excerpts(frozen: Dataset, wanted: pa.ChunkedArray) -> pa.Table:
    rows: list[int] = []
    texts: list[str] = []
    chosen = wanted.combine_chunks()
    for batch in frozen.batches(("body", "label")) if len(chosen) else ():
        found = batch.filter(pc.is_in(batch.column("row"), value_set=chosen))
        rows += found.column("row").to_pylist()
        shorter = pc.utf8_slice_codeunits(found.column("body"), 0, 2000).to_pylist()
        texts += [secrets.excerpt(text or "") for text in shorter]
    return pa.table({"row": pa.array(rows, pa.int64()), "excerpt": pa.array(texts, pa.string())})
