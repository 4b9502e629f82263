"""A split on a terminal and as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolkit.core.types import Level
from toolkit.renderers.terminal import MARK, outcome_json

if TYPE_CHECKING:
    from toolkit.split import SplitResult


def text(result: SplitResult, mixed: Mapping[str, Any] | None = None) -> str:
    """Sizes, how rows were kept together, what the checks found, and where the files are. mixed: of `split.mix`."""
    manifest = result.manifest
    n = sum(each.rows for each in result.parts.values())
    lines = [
        f"{each.name:<12}{each.rows:>8,} rows {100 * each.rows / max(n, 1):>6.1f} %  {each.file}"
        for each in result.parts.values()
    ]
    lines += _mixed(result, mixed) if mixed else []
    lines += ["", *_method(manifest), *(f"note: {each}" for each in manifest["warnings"])]
    for outcome in result.outcomes:
        status = MARK[outcome.level] if outcome.status == "ran" else f"{outcome.status}: {outcome.reason}"
        lines.append(f"{outcome.code} {outcome.check:<20}{status}")
        lines += [f"      {kind.kind:<24}{kind.message}" for kind in outcome.kinds if kind.level or kind.flagged]
    fix = next((each.remedy for each in result.outcomes if each.level >= Level.ERROR and each.remedy), "")
    lines += ["", *([f"try:  {fix}"] if fix else []), f"next: toolkit readiness {result.run.path}"]
    return "\n".join(lines)


def _mixed(result: SplitResult, mixed: Mapping[str, Any]) -> list[str]:
    told = f"{mixed['rows_mixed_in']:,} rows of {mixed['general']}, {100 * mixed['share']:.1f} % of the file"
    sizes = [
        f"{each['name']:<12}{each['rows']:>8,} rows           {result.run.path / each['file']}"
        for each in mixed["files"]
    ]
    return [*sizes, f"mixed in: {told}; {mixed['left_out_as_alike']:,} were left out as alike"]


def _method(manifest: Any) -> list[str]:
    if manifest["given"]:
        return [f"held out: {manifest['heldout_source']}, as it was given; compared with train, not cleaned"]
    together = (
        f"together: rows with a Jaccard of {manifest['threshold']} or more ({manifest['threshold_why']}), "
        f"by {', '.join(manifest['tied_by'])}"
    )
    lines = [
        together,
        f"          {manifest['components']:,} components, {manifest['largest_component']:,} rows at most",
    ]
    if manifest["share_taken"] != manifest["share_asked"]:
        lines.append(f"share:    {manifest['why']}")
    return lines


def as_json(result: SplitResult, mixed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The manifest, what the checks of the split came to and, where general rows were mixed in, what was."""
    return {
        "run": str(result.run.path),
        "level": result.level.name.lower(),
        **result.manifest,
        "checks": [outcome_json(each) for each in result.outcomes],
        **({"mix": dict(mixed)} if mixed else {}),
    }
