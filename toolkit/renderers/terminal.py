"""Results on a terminal: plain text, aligned, the same in a pipe."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from toolkit.core.types import Level
from toolkit.decide import Decision, Kind, Outcome
from toolkit.renderers.words import beyond, plural, shown

if TYPE_CHECKING:
    from toolkit.verify import Verified

COLUMNS = 100
CONFUSED = 3
KINDS = 5
SAID = 160
MARK = {
    Level.OK: "ok",
    Level.INFO: "info",
    Level.WARNING: "warning",
    Level.DOUBT: "cannot tell",
    Level.ERROR: "ERROR",
    Level.BLOCKER: "BLOCKER",
}


def verified(found: Verified) -> str:
    """What was read, what each check found, and where the rows are now."""
    manifest = found.data.manifest
    source = manifest.sources[0]
    lines = [f"{source.name}: {plural(manifest.rows + manifest.rejects, 'record')}, read as {manifest.format}"]
    if source.notes:
        lines.append(f"  note: {'; '.join(source.notes)}")
    lines += ["", *outcomes(found.decision), ""]
    kept, out = found.decision.kept, len(found.decision.rejected)
    lines.append(f"{plural(found.decision.records, 'record')} = {kept:,} kept + {out:,} quarantined")
    lines.append(f"  {found.run.kept}\n  {found.run.quarantine}")
    lines.append(f"next: {_next(found)}")
    return "\n".join(lines)


def _next(found: Verified) -> str:
    manifest = found.data.manifest
    if not manifest.rows + manifest.rejects:
        return f"look into {manifest.sources[0].name}: it holds no row"
    if not manifest.rows and _mostly_undecodable(found):
        return "re-encode the file, say with iconv -f WINDOWS-1252 -t UTF-8, and verify that"
    if manifest.rows and manifest.formats == {"unknown": manifest.rows}:
        first = next(found.data.batches(("raw",))).column("raw")[0].as_py()
        own = shown(", ".join(json.loads(first)))[:300]
        return f"name the columns, as no row has a known format: --prompt and --answer, or --text, of {own}"
    return f"toolkit readiness {found.run.path}"


def _mostly_undecodable(found: Verified) -> bool:
    codes = found.data.rejects().column("code").to_pylist()
    return bool(codes.count("not-utf8") * 2 > len(codes))


def outcomes(decision: Decision) -> list[str]:
    """A line for each check that found something or could not look, then its largest kinds; the others by name."""
    lines = [f"{'check':<24}{'status':<16}{'flagged':>9}{'out':>9}  found in the input"]
    clean, absent = [], []
    for each in decision.outcomes:
        if each.status == "not applicable":
            absent.append(_name(each))
        elif (
            each.status == "ran"
            and not each.flagged
            and each.level_input == Level.OK
            and not (each.tested or each.confused)
        ):
            clean.append(_name(each))
        else:
            lines += [_outcome(each), *_confused(each), *_kinds(each)]
    ran = {_name(each) for each in decision.outcomes if each.status != "not applicable"}
    absent = [name for name in absent if name not in ran]
    return [*lines, *_named("found nothing", clean), *_named("not applicable here, --json says why", absent)]


def _name(each: Outcome) -> str:
    return f"{each.code} {each.check}"


def _named(title: str, names: list[str]) -> list[str]:
    """Names in lines of COLUMNS, none of them broken."""
    text = ", ".join(name.replace(" ", "\xa0") for name in dict.fromkeys(names))
    lines = textwrap.wrap(f"{title}: {text}", COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    return ["", *(line.replace("\xa0", " ") for line in lines)] if names else []


def _kinds(each: Outcome) -> list[str]:
    """The kinds of finding that count, most rows first."""
    found = [kind for kind in each.kinds if kind.flagged or kind.level_input > Level.OK]
    found.sort(key=lambda kind: (-kind.flagged, kind.kind))
    lines = [f"      {kind.kind:<22}{kind.flagged:>15,}           {_said(kind)}" for kind in found[:KINDS]]
    more = beyond(found, KINDS)
    return [*lines, f"      … and {plural(more, 'more kind')}"] if more else lines


def _said(kind: Kind) -> str:
    return shown(f"such as: {kind.message}" if kind.varied else kind.message, SAID)


def _confused(each: Outcome) -> list[str]:
    """The classes most often taken for each other, a line of the first few."""
    if each.status != "ran" or not each.confused:
        return []
    told = ", ".join(f"{shown(pair, 60)} {rows:,}" for pair, rows in each.confused[:CONFUSED])
    return [f"      most often: {told}{', …' if len(each.confused) > CONFUSED else ''}"]


def _outcome(each: Outcome) -> str:
    name = _name(each)
    if each.status != "ran":
        return f"{name:<24}{each.status:<16}{'':>9}{'':>9}  {each.reason}"
    tested = f"; {each.tested.words}" if each.tested else ""
    return f"{name:<24}{'ran':<16}{each.flagged:>9,}{each.rejected:>9,}  {MARK[each.level_input]}{tested}"


def verified_json(found: Verified) -> str:
    """The same as JSON."""
    decision = found.decision
    return json.dumps(
        {
            "run": str(found.run.path),
            "format": found.data.manifest.format,
            "records": decision.records,
            "kept": decision.kept,
            "quarantined": len(decision.rejected),
            "level": found.level.name.lower(),
            **({"judge": found.opinion._asdict()} if found.opinion else {}),
            **({"notes": list(found.notes)} if found.notes else {}),
            "checks": [outcome_json(each) for each in decision.outcomes],
        },
        indent=1,
        ensure_ascii=False,
    )


def outcome_json(each: Outcome) -> dict[str, Any]:
    """One check's outcome as plain values."""
    return {
        "check": each.check,
        "code": each.code,
        "scope": each.scope,
        "status": each.status,
        "reason": each.reason,
        "seen": each.seen,
        "total": each.total,
        "flagged": each.flagged,
        "flagged_kept": each.flagged_kept,
        "rejected": each.rejected,
        "level": each.level.name.lower(),
        "level_input": each.level_input.name.lower(),
        "kinds": {kind.kind: {"flagged": kind.flagged, "kept": kind.flagged_kept} for kind in each.kinds},
        **({"confused": [list(pair) for pair in each.confused]} if each.confused else {}),
        **({"self_test": each.tested._asdict()} if each.tested else {}),
    }
