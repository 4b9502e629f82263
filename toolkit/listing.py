"""The findings of a run for machines: against an older run, and written as SARIF, JUnit, CSV or JSON lines."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError, unknown
from toolkit.core.listing import Change, Checked, Line, Listing, key_of
from toolkit.core.policy import CheckRule, LevelName, Policy, reached
from toolkit.core.types import Level
from toolkit.findings import OWN, Located, findings, located, of_run, policy_of
from toolkit.store.folder import RunFolder, is_run, open_run
from toolkit.store.ledger import Ledger
from toolkit.write import whole_file

EXAMPLES = 5
FORMATS = ("jsonl", "sarif", "junit", "csv")


@dataclass(frozen=True)
class Baseline:
    """The findings of an older run: the key of each, with its check."""

    name: str
    keys: Mapping[str, str] = field(repr=False)


def baseline(old: str | Path) -> Baseline:
    """What an older run found: a run folder, or the SARIF or JSON lines that were written of it.

    Of a run and of JSON lines only findings that the policy counted then. Raises InputError for a file
    that is none of these, or whose findings carry no row ids.
    """
    if is_run(old):
        folder = open_run(old)
        with Ledger(folder.ledger, read_only=True) as ledger:
            lines = findings(ledger, (), None, located(folder))
            keys = {key_of(x.get("row"), x["check"], x["kind"]): x["check"] for x in lines if x["flag"]}
        return Baseline(str(old), keys)
    try:
        text = Path(old).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        what = f"{old} is neither a run nor a file of findings: {getattr(failure, 'strerror', None) or failure}"
        raise InputError(what, "name an older run folder, or the SARIF or JSON lines written of it") from failure
    return Baseline(str(old), _of_text(text, str(old)))


def _of_text(text: str, name: str) -> dict[str, str]:
    fix = "name a run folder, or a file of `toolkit findings RUN --format sarif` or jsonl"
    try:
        if '"runs"' in text[:2000]:
            results = [each for run in json.loads(text)["runs"] for each in run["results"]]
            return {each["partialFingerprints"]["toolkitFinding/v1"]: each["ruleId"] for each in results}
        lines = [json.loads(line) for line in text.split("\n") if line.strip()]
        # A row without an id is one of the data set as a whole; a line of an older toolkit has an id and no row.
        if any("row" not in line and line["id"] is not None for line in lines):
            raise InputError(f"{name} was written by an older toolkit, without row ids", fix)
        return {key_of(x.get("row"), x["check"], x["kind"]): x["check"] for x in lines if x["flag"]}
    except (ValueError, KeyError, TypeError) as failure:
        raise InputError(f"{name} holds no findings of this toolkit", fix) from failure


def listing(
    folder: RunFolder, ledger: Ledger, checks: Collection[str] = (), *, policy: Policy | None = None,
    older: Baseline | None = None,
) -> Listing:  # fmt: skip
    """The findings of a run that the policy counts; with `older`, only those that are new since then."""
    rules = policy or policy_of(ledger)
    where = located(folder)
    manifest = json.loads(ledger.meta("manifest") or "{}")
    runs = ledger.rows("""SELECT * FROM runs ORDER BY code, scope, run""")
    chosen = [run for run in runs if not checks or run["check"] in checks]
    known = older.keys if older is not None else {}
    tally = _Tally(known)
    checked = tuple(_checked(ledger, run, rules.rule(run["check"]), where, tally) for run in chosen)
    levels = {(each.check, each.scope): each.of_kind for each in checked}

    def lines() -> Iterator[Line]:
        for run in (each for each in chosen if each["status"] == "ran"):
            of_kind = levels[run["check"], run["scope"]]
            for line in _flagged(ledger, run, rules.rule(run["check"]), where, of_kind):
                if line.key not in known:
                    yield line

    source = manifest.get("sources", [{}])[0]
    from importlib.metadata import version

    return Listing(
        name=folder.path.name,
        uri=ledger.meta("source") or str(source.get("name", "")),
        sha256=str(source.get("sha256", "")),
        toolkit=version("finetune-toolkit"),
        policy=rules.name,
        records=int(ledger.meta("records") or 0),
        checks=checked,
        lines=lines,
        change=tally.change({run["check"] for run in runs if run["status"] == "ran"}) if older is not None else None,
    )


def write(found: Listing, to: Sequence[str]) -> list[str]:
    """Write a listing as each of `FORMAT:FILE`; returns the files."""
    return [_write(found, *_format_and_file(each)) for each in to]


def check_targets(to: Sequence[str]) -> None:
    """Raise UsageError for a `FORMAT:FILE` that cannot be written, before any work is done."""
    for each in to:
        _format_and_file(each)


def rendered(found: Listing, name: str) -> Iterator[str]:
    """A listing in one of FORMATS, in pieces."""
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    pieces: Iterator[str] = parts.build("renderers", name).render(found)
    return pieces


def _write(found: Listing, name: str, file: str) -> str:
    with whole_file(Path(file)) as out:
        for piece in rendered(found, name):
            out.write(piece.encode("utf-8"))
    return file


def _format_and_file(told: str) -> tuple[str, str]:
    name, colon, file = told.partition(":")
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    if not colon or not file:
        raise UsageError(f"--write {told} names no file", f"write --write {name}:FILE")
    return name, file


@dataclass
class _Tally:
    """Findings by key as they pass: new, there already; what is left of the old ones at the end is gone."""

    known: Mapping[str, str]
    new: int = 0
    seen: set[str] = field(default_factory=set)

    def is_new(self, key: str) -> bool:
        if key in self.known:
            self.seen.add(key)
            return False
        self.new += 1
        return True

    def change(self, looked: Collection[str]) -> Change:
        gone = Counter(check for key, check in self.known.items() if key not in self.seen)
        fixed = {check: n for check, n in sorted(gone.items()) if check in looked}
        unseen = sum(gone.values()) - sum(fixed.values())
        return Change(self.new, len(self.seen), sum(fixed.values()), unseen, fixed)


def _checked(ledger: Ledger, run: dict[str, Any], rule: CheckRule, where: Located, tally: _Tally) -> Checked:
    """One check with the rows that are flagged (and new), the levels that these reach, and the first of them."""
    rows: dict[str, set[int | None]] = {}
    first: list[Line] = []
    for line, row in _with_rows(ledger, run, rule, where) if run["status"] == "ran" else ():
        if not tally.is_new(line.key):
            continue
        rows.setdefault(line.kind, set()).add(row)
        if len(first) < EXAMPLES:
            first.append(line)
    of_kind = _levels(rule, rows, run["total"])
    part = parts.parts("checks").get(run["check"])
    doc = inspect.cleandoc(part.__doc__ or "") if part is not None else run["check"]
    return Checked(
        check=run["check"],
        code=run["code"],
        scope=run["scope"],
        version=run["version"],
        summary=doc.split("\n")[0],
        help=doc,
        remedy=rule.remedy.replace("RUN", ledger.path.parent.name),
        status=run["status"],
        reason=run["reason"],
        seen=run["seen"],
        total=run["total"],
        seconds=run["seconds"],
        flagged=len(set().union(*rows.values()) - {None}) if rows else 0,
        level=max(of_kind.values(), default=Level.OK),
        rows={kind: len(found) for kind, found in sorted(rows.items())},
        of_kind=of_kind,
        examples=tuple(first),
    )


def _levels(rule: CheckRule, rows: Mapping[str, set[int | None]], total: int) -> dict[str, Level]:
    """The level that each kind reaches; kinds without levels of their own are counted together."""
    own: dict[str, dict[LevelName, float]] = {}
    for kind in rows:
        its = rule.kinds.get(kind)
        if its is not None and its.levels is not None:
            own[kind] = its.levels
        elif its is not None and its.level is not None:
            own[kind] = {its.level: 0.0}
    shared = set().union(*(found for kind, found in rows.items() if kind not in own)) - {None}
    level = reached(rule.levels, len(shared), total)
    found = {}
    for kind, flagged in rows.items():
        whole = reached(own.get(kind, rule.levels), 1, 1) if None in flagged else Level.OK
        found[kind] = max(whole, reached(own[kind], len(flagged - {None}), total) if kind in own else level)
    return found


def _flagged(
    ledger: Ledger, run: dict[str, Any], rule: CheckRule, where: Located, of_kind: Mapping[str, Level]
) -> Iterator[Line]:
    return (line for line, _ in _with_rows(ledger, run, rule, where, of_kind))


def _with_rows(
    ledger: Ledger, run: dict[str, Any], rule: CheckRule, where: Located, of_kind: Mapping[str, Level] | None = None
) -> Iterator[tuple[Line, int | None]]:
    """The findings of one run that the policy counts, with the ordinal of their row."""
    place = where(run["scope"])
    levels: Callable[[str], Level] = lambda kind: (of_kind or {}).get(kind, Level.OK)  # noqa: E731
    for told, (row, other) in of_run(ledger, run, rule, place):
        if told["flag"]:
            row_id, kind = told.get("row"), told["kind"]
            more = {name: value for name, value in told.items() if name not in (*OWN, "other")}
            yield (
                Line(
                    key=key_of(row_id, run["check"], kind),
                    check=run["check"],
                    kind=kind,
                    scope=run["scope"],
                    level=levels(kind),
                    score=told["score"],
                    flag=True,
                    message=told["message"],
                    ref=told["id"],
                    row=row_id,
                    line=place.line(row),
                    other=told.get("other"),
                    other_line=place.line(other),
                    more=more,
                ),
                row,
            )
