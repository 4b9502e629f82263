"""Is this data set ready to train on? The verdict, its report, and the gate that a training script asks.

The report is made from the ledger, the policy and the split's manifest; the rows are not opened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError, NotFit, UsageError
from toolkit.core.parts import build as build_part
from toolkit.core.parts import parts
from toolkit.core.policy import Policy, load_policy
from toolkit.core.report import REPORT_VERSION, Report
from toolkit.decide import decide
from toolkit.dry_run import Asked, dry_run
from toolkit.findings import policy_of
from toolkit.read import Progress, ReadOptions
from toolkit.report import build
from toolkit.sections import since
from toolkit.split import SplitOptions, load_split, split, split_given
from toolkit.store import streams
from toolkit.store.folder import RunFolder, is_run, open_run
from toolkit.store.ledger import Ledger
from toolkit.verify import VerifyOptions, encoder, verify
from toolkit.write import whole_file

PASSES = ("READY", "READY WITH RISKS")
FILES = (
    ("json", "readiness.json"),
    ("markdown", "readiness.md"),
    ("html", "readiness.html"),
    ("card", "README.md"),
    ("croissant", "croissant.json"),
)


@dataclass(frozen=True)
class Readiness:
    """The answer. report: its values; run: where the files lie."""

    run: RunFolder
    report: Report

    @property
    def verdict(self) -> str:
        return self.report.verdict

    @property
    def fit(self) -> bool:
        return self.report.verdict in PASSES

    def __repr__(self) -> str:
        return f"<Readiness {self.report.verdict}: {self.report.kept:,} rows, {self.run.readiness('html')}>"

    def _repr_markdown_(self) -> str:
        return str(build_part("renderers", "markdown").render(self.report))


def readiness(
    data: Any,
    *,
    run: str | Path | None = None,
    heldout: Any = None,
    against: Sequence[Any] = (),
    usage: Any = None,
    reading: ReadOptions | None = None,
    options: VerifyOptions | None = None,
    splitting: SplitOptions | None = None,
    policy: Policy | Path | None = None,
    trainer: Asked | None = None,
    previous: str | Path | None = None,
    progress: Progress | None = None,
) -> Readiness:
    """The verdict on `data`: a run that was verified, or anything that `verify` takes.

    What is missing is done first: verifying, and splitting (or, with `heldout`, comparing with the
    user's own held-out rows). trainer: what is to be trained with, for the rows that it would drop or
    cut. previous: an earlier readiness.json, to say what is different. Writes readiness.json, .md and
    .html, a dataset card (README.md) and croissant.json into the run folder.
    """
    older = load_report(Path(previous)) if previous is not None else None
    if isinstance(data, str | Path) and is_run(data):
        folder = open_run(data)
        if usage is not None or (options is not None and options.self_test):
            what = f"{data} is verified already, and the checks that --usage and --self-test ask for are part of that"
            raise UsageError(what, "give them to toolkit verify FILE, or to toolkit readiness FILE")
    else:
        verified = verify(
            data,
            run=run,
            against=against,
            usage=usage,
            reading=reading,
            options=options,
            policy=policy,
            progress=progress,
        )
        folder = verified.run
    encode = encoder(options or VerifyOptions(), progress)
    if heldout is not None:
        split_given(folder.path, heldout, reading=reading, encode=encode, progress=progress)
    elif _unsplit(folder, splitting):
        split(folder.path, splitting or SplitOptions(), encode=encode, progress=progress)
    if trainer is not None:
        dry_run(folder.path, trainer, progress=progress)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        rules = _policy(policy, ledger)
        decision = decide(ledger, rules)
        report = build(ledger, decision, rules, load_split(folder, decision.stays), folder.path)
        if older is not None:
            report = replace(report, extra={**report.extra, "since": since(older, asdict(report))})
        _write(report, folder)
    return Readiness(folder, report)


def gate(path: str | Path) -> dict[str, Any]:
    """The report at `path` (readiness.json) if its data set may be trained on; a training script's first line.

    Raises NotFit when the verdict does not pass, when a file of the split or of the export has
    changed since, or is gone; InputError when `path` is no report.
    """
    report = check(path)
    if report["verdict"] not in PASSES:
        heaviest = report["reasons"][0]["title"] if report["reasons"] else "see the report"
        raise NotFit(f"the data set is {report['verdict']}: {heaviest}", f"read {Path(path).with_suffix('.html')}")
    return report


def check(path: str | Path) -> dict[str, Any]:
    """The report at `path` if every file that it and its export speak of is unchanged; the verdict is not asked."""
    report_path = Path(path)
    if report_path.is_dir():
        report_path = report_path / "readiness.json"
    report = load_report(report_path)
    for part in files_of(report):
        _unchanged(report_path.parent / part["file"], part["sha256"], "the report was made of")
    for exported in sorted(report_path.parent.glob("export*/export.json")):
        _check_export(exported, report_path)
    return report


def files_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The files that a report speaks of: the parts of the split, and what general rows were mixed into."""
    return [*report["parts"], *report["extra"].get("mix", {}).get("files", [])]


def load_report(path: Path) -> dict[str, Any]:
    """The values of a readiness.json of this version."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise InputError(f"{path} is not a readiness report: {failure}", "run `toolkit readiness DATA`") from failure
    if not isinstance(found, dict) or found.get("version") != REPORT_VERSION or "verdict" not in found:
        what = f"{path} is not a readiness report of version {REPORT_VERSION}"
        raise InputError(what, "run `toolkit readiness` again with this toolkit")
    return found


def _check_export(exported: Path, report: Path) -> None:
    found = json.loads(exported.read_text(encoding="utf-8"))
    if found["readiness"] != streams.sha256(report):
        what = f"{exported.parent.name} was exported under another readiness report"
        raise NotFit(what, f"export again: toolkit export {report.parent} --to {found.get('to', 'TARGET')}")
    for file in [*found["files"], *found.get("beside", [])]:
        _unchanged(exported.parent / file["name"], file["sha256"], "was exported")


def _unchanged(path: Path, sha256: str, words: str) -> None:
    if not path.is_file():
        raise NotFit(f"{path.name}, which {words}, is gone", f"run `toolkit readiness {path.parent}` again")
    if streams.sha256(path) != sha256:
        what = f"{path.name} has changed since {'the readiness report' if 'report' in words else 'the export'}"
        raise NotFit(what, f"run `toolkit readiness {path.parent}` again, or restore the file")


def _unsplit(folder: RunFolder, asked: SplitOptions | None) -> bool:
    """Whether a split is to be made: asked for or missing, and two rows stay; with fewer the report has none."""
    with Ledger(folder.ledger, read_only=True) as ledger:
        stays = decide(ledger, policy_of(ledger)).stays
    return len(stays) >= 2 and (asked is not None or load_split(folder, stays) is None)


def _policy(policy: Policy | Path | None, ledger: Ledger) -> Policy:
    if policy is None:
        return policy_of(ledger)
    return policy if isinstance(policy, Policy) else load_policy(policy)


def _write(report: Report, folder: RunFolder) -> None:
    shelf = parts("renderers")
    for name, file_name in FILES:
        with whole_file(folder.path / file_name) as file:
            file.write(shelf[name]().render(report).encode("utf-8"))
