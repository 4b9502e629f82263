"""`toolkit verify`: look at every row of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.listing import Baseline
    from toolkit.verify import Verified


def command(
    data: Annotated[
        str,
        typer.Argument(help="A file, - for standard input, a Hub id, or a folder: of shards, or saved by datasets."),
    ],
    run: opts.Run = "",
    against: opts.Against = [],  # noqa: B006 - typer copies it
    usage: opts.Usage = "",
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    prompt: opts.Prompt = "",
    answer: opts.Answer = "",
    no_labels: opts.NoLabels = False,
    group: opts.Group = "",
    id: opts.IdColumn = "",
    delimiter: opts.Delimiter = "",
    source_kind: opts.SourceKind = "real",
    licence: opts.Licence = "",
    source: opts.Source = "",
    policy: opts.PolicyFile = "",
    schema: opts.Schema = "",
    check: opts.Only = [],  # noqa: B006
    skip: opts.Skipped = [],  # noqa: B006
    leave_out: opts.LeaveOut = [],  # noqa: B006
    set: opts.Set = [],  # noqa: B006
    exact: opts.Exact = False,
    keep: opts.Keep = "",
    with_: opts.With = [],  # noqa: B006
    no_embeddings: opts.NoEmbed = False,
    precision: opts.Precision = "auto",
    encoder: opts.Encoder = "",
    self_test: opts.SelfTest = False,
    judge: opts.JudgedBy = "",
    budget: opts.Budget = None,
    base_url: opts.BaseUrl = "",
    for_: opts.For = "",
    write: opts.Write = [],  # noqa: B006
    baseline: opts.Baseline = "",
    fix: Annotated[str, typer.Option("--fix", help="Write the file with safe repairs; see `toolkit fix`.")] = "",
    json: opts.AsJson = False,
) -> int:
    """Look at every row and say what is wrong; exit 1 when an error or blocker was found.

    Rows with faults that can be verified go to quarantine.jsonl of the run with their reasons, the
    others to kept.jsonl. Nothing is changed in the file itself.
    """
    from pathlib import Path

    from toolkit.cli import _listed
    from toolkit.verify import verify

    opts.load_parts(with_)
    older = _listed.before(write, baseline)
    reading = opts.reading(
        format=format, text=text, label=label, prompt=prompt, answer=answer, labels=not no_labels, group=group,
        id=id, delimiter=delimiter, source_kind=source_kind, licence=licence, source=source,
    )  # fmt: skip
    options = opts.verifying(
        check, skip, opts.duplicates(opts.for_target(for_, set), exact, keep), schema, embed=not no_embeddings,
        precision=precision, encoder=encoder, self_test=self_test, judge=opts.judged_by(judge, budget, base_url),
        leave_out=tuple(leave_out),
    )  # fmt: skip
    found = verify(
        data,
        run=run or None,
        against=against,
        usage=usage or None,
        reading=reading,
        options=options,
        policy=Path(policy) if policy else None,
        progress=opts.progress(),
    )
    if fix:
        _fixed(found.run.path, fix)
    return _show(found, write, baseline, older, json=json)


def _show(found: Verified, write: list[str], baseline: str, older: Baseline | None, *, json: bool) -> int:
    """Write the lists that were asked for and print what was found, or what is new; the exit code."""
    from toolkit.cli import _listed
    from toolkit.core.types import Level
    from toolkit.renderers import news, terminal

    listed = _listed.after(found.run, write, older, found.policy)
    for note in [*found.notes, *([found.opinion.words] if found.opinion else [])]:
        opts.say(f"note: {note}")
    stopped = found.opinion is not None and not found.opinion.complete
    if listed is not None and older is not None:
        print(news.as_json(listed, baseline) if json else news.news(listed, baseline))
        return max(_listed.exit_code(listed), int(stopped or found.failed))
    print(terminal.verified_json(found) if json else terminal.verified(found))
    return 1 if stopped or found.level >= Level.ERROR else 0


def _fixed(run: Path, out: str) -> None:
    """Write the source of a run with safe repairs and say on standard error what they were."""
    from toolkit.cli.fix import as_text
    from toolkit.fix import fix

    opts.say(as_text(fix(run, out)))
