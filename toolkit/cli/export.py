"""`toolkit export`: the files for a trainer or a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.export import Exported


def command(
    run: Annotated[str, typer.Argument(help="A run folder with a readiness report, or its name under runs/.")],
    to: Annotated[
        str, typer.Option("--to", help="A target (toolkit parts targets), a row format, or same (as the rows came).")
    ] = "messages",
    as_: Annotated[
        str, typer.Option("--as", help="sft, dpo, kto, prompt, stepwise or text; what the rows are by default.")
    ] = "",
    out: Annotated[str, typer.Option("--out", help="Folder to write to; export-<to> in the run by default.")] = "",
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave out, and list, the rows that the target cannot take.")
    ] = False,
    shards: Annotated[int, typer.Option("--shards", help="Files to write for each part.")] = 1,
    profile: Annotated[str, typer.Option("--profile", help="A profile file in place of the shipped one.")] = "",
    model: Annotated[
        str, typer.Option("--model", help="Count tokens with this model's tokenizer: a folder or a cached Hub id.")
    ] = "",
    set: Annotated[list[str], typer.Option("--set", help="An option of the target: llamafactory.style=alpaca.")] = [],  # noqa: B006
    with_: opts.With = [],  # noqa: B006
    anyway: Annotated[bool, typer.Option("--anyway", help="Export although the verdict does not pass.")] = False,
    json: opts.AsJson = False,
) -> None:
    """Write the parts of the split for a trainer or provider, with export.json that binds them to the report by hash.

    Rows that the provider would reject are refused, with the rule and their ids; what a target cannot
    hold is named.
    """
    import json as jsonlib

    from toolkit.core.errors import UsageError
    from toolkit.export import Ask, export

    opts.load_parts(with_)
    given = opts.set_options(set)
    other = next((name for name in given if name != to), None)
    if other is not None:
        raise UsageError(f"--set {other}.… is no option of {to}", f"write --set {to}.option=value")
    ask = Ask(to, as_, leave_out, shards, profile, model, given.get(to, {}))
    found = export(run, out=out or None, anyway=anyway, ask=ask, progress=opts.progress())
    _say(found)
    if json:
        print(jsonlib.dumps({"folder": str(found.folder), **found.told}, indent=1, ensure_ascii=False))
        return
    for file in found.files:
        print(f"{found.folder / str(file['name'])}  {file['rows']:,} rows")
    for beside in found.told["beside"]:
        print(found.folder / str(beside["name"]))
    print(found.folder / "export.json")


def _say(found: Exported) -> None:
    """What the files do not hold, on standard error."""
    told = found.told
    for name, rows in told["lost"].items():
        opts.say(f"lost: {name}, of {rows:,} rows")
    if told.get("mixed_in"):
        opts.say(f"train is train.mixed.jsonl: {told['mixed_in']:,} of its rows are general ones")
    if told["left_out"]:
        opts.say(f"left out: {told['left_out']:,} rows, listed in {found.folder / 'left_out.jsonl'}")
    for name, what in told["advice"].items():
        opts.say(f"advice: {name}: {what}" + (" rows" if isinstance(what, int) else ""))
    if told["profile"]:
        said = "checked against {id}, version {version}, of {checked}: {rules} rules, ".format(**told["profile"])
        opts.say(f"{said}{len(told['profile']['seen_in_their_source'])} of them seen in their source")
