"""`toolkit readiness`: the verdict, its report, and the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.listing import Baseline
    from toolkit.readiness import Readiness


def command(
    data: Annotated[str, typer.Argument(help="A run, or data as for verify; with --check a readiness.json.")],
    run: opts.Run = "",
    heldout: opts.Heldout = "",
    check: Annotated[bool, typer.Option("--check", help="Only check that no file of a report has changed.")] = False,
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
    skip: opts.Skipped = [],  # noqa: B006
    set: opts.Set = [],  # noqa: B006
    exact: opts.Exact = False,
    keep: opts.Keep = "",
    with_: opts.With = [],  # noqa: B006
    trainer: opts.Trainer = "",
    model: opts.Model = "",
    max_length: opts.MaxLength = 0,
    no_embeddings: opts.NoEmbed = False,
    precision: opts.Precision = "auto",
    encoder: opts.Encoder = "",
    self_test: opts.SelfTest = False,
    for_: opts.For = "",
    previous: Annotated[str, typer.Option("--previous", help="An earlier readiness.json: say what changed.")] = "",
    github_summary: opts.GithubSummary = False,
    write: opts.Write = [],  # noqa: B006
    baseline: opts.Baseline = "",
    json: opts.AsJson = False,
) -> int:
    """Say whether the rows are ready to train on, and why; exit 0 when they are, 1 when not.

    What is missing is done first: verifying, splitting. The report lies in the run folder as
    readiness.html, .md and .json; `--check readiness.json` is the gate for a training job.
    """
    from pathlib import Path

    from toolkit.cli import _listed
    from toolkit.readiness import readiness
    from toolkit.split import SplitOptions

    if check:
        return _gate(data)
    opts.load_parts(with_)
    set = opts.duplicates(opts.for_target(for_, set, data), *_not_of_a_run(data, exact, keep))
    asked, set = opts.trainer_asked(trainer, model, max_length, set)
    older = _listed.before(write, baseline)
    summary = _summary_file() if github_summary else ""
    columns = opts.reading(
        format=format, text=text, label=label, prompt=prompt, answer=answer, labels=not no_labels, group=group,
        id=id, delimiter=delimiter, source_kind=source_kind, licence=licence, source=source,
    )  # fmt: skip
    options = opts.verifying([], skip, set, schema, embed=not no_embeddings, precision=precision, encoder=encoder,
                             self_test=self_test)  # fmt: skip
    share = opts.share_or_file(heldout)
    done = readiness(
        data,
        run=run or None,
        heldout=share if isinstance(share, str) else None,
        against=against,
        usage=usage or None,
        reading=columns,
        options=options,
        splitting=SplitOptions(heldout=share) if isinstance(share, float) else None,
        policy=Path(policy) if policy else None,
        trainer=asked,
        previous=previous or None,
        progress=opts.progress(),
    )
    return _show(_summarised(done, summary), write, policy, older, json=json)


def _gate(report: str) -> int:
    from toolkit.readiness import gate

    print(f"{gate(report)['verdict']}: every file is as it was when the report was made")
    return 0


def _not_of_a_run(data: str, exact: bool, keep: str) -> tuple[bool, str]:
    """`--exact` and `--keep` as given; UsageError where the rows are looked at already."""
    from toolkit.core.errors import UsageError
    from toolkit.store.folder import is_run

    if (exact or keep) and is_run(data):
        what = f"{data} is verified already, and --exact and --keep say how near-duplicates are looked for"
        raise UsageError(what, "give them to toolkit verify FILE, or to toolkit readiness FILE")
    return exact, keep


def _summarised(answer: Readiness, summary: str) -> Readiness:
    from pathlib import Path

    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(_cut(answer.run.readiness("md").read_text(encoding="utf-8")))
    return answer


def _summary_file() -> str:
    """The file that GitHub shows on the page of a job."""
    import os

    from toolkit.core.errors import UsageError

    name = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        raise UsageError("GITHUB_STEP_SUMMARY is not set", "leave --github-summary out, outside of a GitHub job")
    return name


def _cut(text: str) -> str:
    """The report in the room of a summary, 1 MiB a step; what does not fit is cut at a line and said."""
    most = 1_000_000
    whole = text.encode("utf-8")
    if len(whole) <= most:
        return text
    return whole[:most].decode("utf-8", "ignore").rsplit("\n", 1)[0] + "\n\nCut here; readiness.md has it all.\n"


def _show(answer: Readiness, write: list[str], policy: str, older: Baseline | None, *, json: bool) -> int:
    """Write the lists that were asked for and print the report; the exit code of the verdict.

    With an older run that of the findings which are new since, except where the verdict is not known.
    """
    from pathlib import Path

    from toolkit.cli import _listed
    from toolkit.core.parts import build
    from toolkit.core.policy import load_policy
    from toolkit.core.types import Level
    from toolkit.renderers import news

    listed = _listed.after(answer.run, write, older, load_policy(Path(policy)) if policy else None)
    print(build("renderers", "json" if json else "terminal").render(answer.report))
    if not json:
        opts.say(f"report: {answer.run.readiness('html')}")
    if listed is None or older is None or answer.fit:
        return 0 if answer.fit else 1
    opts.say(news.summary(listed, older.name))
    worst = max((each.level for each in listed.checks), default=Level.OK)
    return int(answer.verdict == "CANNOT TELL" or worst >= Level.ERROR)
