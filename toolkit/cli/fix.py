"""`toolkit fix`: safe repairs, written elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.fix import Fixed


def command(
    data: Annotated[str, typer.Argument(help="A file of JSON lines, or a run; with --undo a file that fix wrote.")],
    out: Annotated[str, typer.Option("--out", help="File to write; FILE.diff and FILE.fixes.jsonl beside it.")] = "",
    only: Annotated[list[str], typer.Option("--only", help="This repair alone; may be repeated.")] = [],  # noqa: B006
    skip: Annotated[list[str], typer.Option("--skip", help="Not this repair; may be repeated.")] = [],  # noqa: B006
    decisions: Annotated[
        str,
        typer.Option("--decisions", help="Answers of `toolkit label RUN --findings --serve`; these are carried out."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Write the file as it was before its repair.")] = False,
    with_: opts.With = [],  # noqa: B006
    json: opts.AsJson = False,
) -> None:
    """Repair what can be repaired without a decision, and nothing in place.

    `toolkit parts repairs` lists the repairs. FILE.diff holds every change and is taken back by --undo,
    or by patch --binary -R. Lines that are not JSON, NaN and chat template tokens are left alone.
    """
    import json as jsonlib

    from toolkit.core.errors import UsageError
    from toolkit.fix import fix
    from toolkit.fix import undo as undone

    opts.load_parts(with_)
    if not out and not dry_run:
        raise UsageError("no file to write", f"name one: toolkit fix {data} --out FILE, or see with --dry-run")
    if undo:
        print(undone(data, out))
        return
    made = fix(data, None if dry_run else out, only=only, skip=skip, decisions=decisions or None)
    if json:
        print(jsonlib.dumps(as_values(made), indent=1))
        return
    print(as_text(made))


def as_values(made: Fixed) -> dict[str, object]:
    """The result as plain values."""
    files = {"file": made.path, "diff": made.diff, "fixes": made.listed}
    return {
        "source": str(made.source),
        **{name: None if path is None else str(path) for name, path in files.items()},
        "lines": made.lines,
        "changed": made.changed,
        "dropped": made.dropped,
        "left_alone": made.left_alone,
        "repairs": made.counts,
        **({"decided": made.decided._asdict()} if made.decided is not None else {}),
    }


def as_text(made: Fixed) -> str:
    """The result as words."""
    would = "would be " if made.path is None else ""
    lines = [
        f"{made.source}: {made.lines:,} lines, {made.changed:,} {would}changed, {made.dropped:,} of them taken away"
    ]
    lines += [f"  {name:<18}{count:>9,}" for name, count in made.counts.items()]
    if made.decided is not None:
        keep, drop, mend, differ, absent = made.decided
        lines.append(f"  decided: {keep:,} keep, {drop:,} drop, {mend:,} fix")
        lines += [f"  {differ:,} rows on which people differ are left as they are"] * bool(differ)
        lines += [f"  {absent:,} decisions are about rows that are not in this file"] * bool(absent)
    if made.left_alone:
        lines.append(f"  {made.left_alone:,} lines are not JSON and left alone")
    lines += [str(path) for path in (made.path, made.diff, made.listed) if path is not None]
    return "\n".join(lines)
