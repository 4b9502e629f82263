"""Look at every row: freeze the input, run the checks, decide, and write what stays and what leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.core import parts
from toolkit.core.errors import InputError, ToolkitError, UsageError, unknown
from toolkit.core.policy import Policy, load_policy
from toolkit.core.types import Level
from toolkit.decide import Decision, decide
from toolkit.read import Progress, ReadOptions, locate, read
from toolkit.review import FILE, heed
from toolkit.scene import Scene, name_findings, run_checks
from toolkit.self_test import prepare
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, default_run
from toolkit.store.ledger import Ledger
from toolkit.store.view import Encode
from toolkit.write import write_kept, write_quarantine

if TYPE_CHECKING:
    from toolkit.doubts import Judge, Opinion


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to run and how. only, skip: check ids or codes. options: a check's options by its id.

    embed: whether checks may use the encoder. precision: `auto` (bf16 where the processor has it) or
    `fp32`. encoder: a sentence-transformers name or path, empty for the packaged one. self_test: whether
    to plant known defects into a copy of the rows and measure what the checks find of them. judge: the
    model that is asked about pairs near the bar, None for nobody. leave_out: checks, or `check:kind`, whose flagged
    rows leave although the policy would keep them.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    embed: bool = True
    precision: str = "auto"
    encoder: str = ""
    self_test: bool = False
    judge: Judge | None = None
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """A verified data set: where it lies and what was decided. notes: what went less well, as a cache not written.

    opinion: what a judge said of doubtful pairs, None where none was asked.
    """

    run: RunFolder
    data: Dataset
    decision: Decision
    policy: Policy
    notes: tuple[str, ...] = ()
    opinion: Opinion | None = None

    @property
    def level(self) -> Level:
        """The highest level that a check of the input reached, an error where no row is left or a check failed.

        Whether the rows that are left are enough is asked by readiness.
        """
        if not self.decision.kept or self.failed:
            return max(Level.ERROR, self._highest)
        return self._highest

    @property
    def failed(self) -> bool:
        """Whether a check ended in an error of its own: what nobody looked at is not clean."""
        return any(each.status == "failed" for each in self.decision.outcomes)

    @property
    def _highest(self) -> Level:
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
    checks = planned(options)
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    rules = rules.leaving_out(_left_out(options.leave_out, checks))
    _can_judge(options.judge)
    encode = encoder(options, progress)
    folder = RunFolder(Path(run)) if run else default_run(locate(data, reading).name)
    with folder.locked():
        frozen = read(data, folder.dataset, reading, progress)
        references = _references(against, folder, frozen, reading, progress)
        with Ledger(folder.ledger) as ledger:
            replaced = _replaced(ledger, data, frozen, folder)
            _describe(ledger, frozen)
            for each in checks:  # an older version may have looked at other rows
                if each.scope != "split":
                    ledger.clear("input" if each.scope == "kept" else "kept", each.id)
            ledger.set_meta("source", _source(data, frozen))
            used = _usage(usage, folder, frozen, reading, progress)
            scene = Scene(frozen, references, encode, progress=progress, usage=used)
            checks = prepare(checks, scene, rules) if options.self_test else checks
            run_checks(ledger, [each for each in checks if each.scope in ("input", "references")], scene, "input")
            opinion, silent = _opinion(options.judge, checks, scene, ledger, folder)
            heed(ledger, frozen, folder.path / FILE)
            kept = decide(ledger, rules).stays
            run_checks(ledger, [each for each in checks if each.scope == "kept"], scene.keeping(kept), "kept")
            heeded = heed(ledger, frozen, folder.path / FILE)
            name_findings(ledger, frozen)
            decision = decide(ledger, rules)
            write_kept(frozen, decision.rejected, folder.kept)
            write_quarantine(frozen, ledger, rules, decision.rejected, folder.quarantine)
            ledger.set_meta("policy", rules.model_dump_json())
            earlier = (*replaced, *(() if options.judge else _judged_before(ledger)))
            if heeded:
                earlier = (*earlier, f"{heeded:,} findings do not count: people keep their rows ({folder.path / FILE})")
    if silent is not None:
        raise type(silent)(silent.what, f"{silent.fix}; {folder.kept} is written without its verdicts") from silent
    return Verified(folder, frozen, decision, rules, (*getattr(encode, "notes", ()), *earlier), opinion)


def _can_judge(judge: Judge | None) -> None:
    """Raise what is wrong with a judge before the rows are looked at."""
    if judge is not None:
        from toolkit.doubts import model_of

        model_of(judge)


def _opinion(
    judge: Judge | None, checks: Sequence[Any], scene: Scene, ledger: Ledger, folder: RunFolder
) -> tuple[Opinion | None, ToolkitError | None]:
    """What the judge says, or why it says nothing: the rows are decided on in any case."""
    if judge is None:
        return None, None
    from toolkit.doubts import settle

    try:
        return settle(judge, checks, scene, ledger, folder, scene.progress), None
    except ToolkitError as failure:
        return None, failure


def _judged_before(ledger: Ledger) -> tuple[str, ...]:
    """A note a model of the verdicts that an earlier run with a judge left: they count until a check looks again."""
    sql = """SELECT json_extract_string(evidence, '$.judged.by') AS model, count(*) AS n FROM findings
             WHERE json_exists(evidence, '$.judged') GROUP BY 1 ORDER BY 1"""
    return tuple(
        f"{each['n']:,} scores are as {each['model']} judged them in an earlier run; a new folder, --run NAME, has none"
        for each in ledger.rows(sql)
    )


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


def _left_out(named: Sequence[str], checks: Sequence[Any]) -> list[str]:
    """What is left out, by the ids of checks. Raises UsageError for a check that does not look at the input."""
    by_id = {each.id: each for each in checks}
    found = []
    for each in named:
        name, colon, kind = each.partition(":")
        check = _id(name, parts.parts("checks"))
        if check not in by_id or by_id[check].scope not in ("input", "references"):
            why = "is not run" if check not in by_id else "looks at the rows that stay"
            raise UsageError(f"rows cannot be left out by {check}: it {why}", "name a check that looks at the input")
        found.append(f"{check}{colon}{kind}")
    return found


def _id(name: str, known: Mapping[str, Any]) -> str:
    if name in known:
        return name
    try:
        return str(parts.part("checks", name).id)
    except UsageError:
        raise unknown("check", name, known) from None


def _references(
    against: Sequence[Any], folder: RunFolder, frozen: Dataset, reading: ReadOptions | None, progress: Progress | None
) -> tuple[tuple[str, Dataset, None], ...]:
    found = []
    for at, each in enumerate(against):
        name = locate(each).name
        place = folder.reference(f"{at}-{Path(name).name}")
        found.append((name, _beside(frozen, each, place, reading, progress), None))
    return tuple(found)


def _beside(frozen: Dataset, data: Any, place: Path, reading: ReadOptions | None, progress: Progress | None) -> Dataset:
    """Data that `frozen` is compared with, in columns of the same names where it has them."""
    told = reading or ReadOptions()
    named = ReadOptions(text=told.text, prompt=told.prompt, answer=told.answer, delimiter=told.delimiter)
    try:
        read(data, place, named, progress)
    except UsageError:
        read(data, place, ReadOptions(delimiter=told.delimiter), progress)
    return Dataset(place, beside=frozen)


def _usage(
    usage: Any, folder: RunFolder, frozen: Dataset, reading: ReadOptions | None, progress: Progress | None
) -> Dataset | None:
    """The sample of real use, frozen into the run; one that an earlier run was given is gone when none is given."""
    if usage is None:
        shutil.rmtree(folder.usage, ignore_errors=True)
        return None
    found = _beside(frozen, usage, folder.usage, reading, progress)
    if not found.n_rows:
        raise InputError(f"{locate(usage).name} has no row that can be read", "name another sample with --usage")
    return found


def _replaced(ledger: Ledger, data: Any, frozen: Dataset, folder: RunFolder) -> tuple[str, ...]:
    """A note where the folder was the run of another source: two files of one name share a folder by default."""
    before = ledger.meta("source")
    if before in (None, _source(data, frozen)) or ledger.meta("dataset") == frozen.manifest.digest:
        return ()
    return (f"{folder.path} was the run of {before}, which this one replaces; --run NAME keeps both",)


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
    """The encoder that the options ask for, loaded when it is first used; None where checks do without.

    Raises UsageError for a cache whose size is no number.
    """
    if not options.embed:
        return None
    from toolkit.near.encode import lazy_encoder
    from toolkit.store.cache import most_bytes

    most_bytes()
    return lazy_encoder(options.encoder, options.precision, progress)
