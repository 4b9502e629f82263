"""Options that several commands share, and how a line of theirs becomes a reading or a verifying option."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.core.errors import UsageError

if TYPE_CHECKING:
    from toolkit.doubts import Judge
    from toolkit.dry_run import Asked
    from toolkit.generate.recipe import Loaded
    from toolkit.read import Progress, ReadOptions
    from toolkit.verify import VerifyOptions

Run = Annotated[str, typer.Option("--run", help="Folder of the run; runs/<name of the data> by default.")]
Format = Annotated[str, typer.Option("--format", help="Row format; recognised from the rows by default.")]
Text = Annotated[str, typer.Option("--text", help="Column that holds the text of classification rows.")]
Label = Annotated[str, typer.Option("--label", help="Column that holds the label.")]
Prompt = Annotated[str, typer.Option("--prompt", help="Column that holds the prompt; --answer names its answer.")]
Answer = Annotated[str, typer.Option("--answer", help="Column that holds the answer.")]
NoLabels = Annotated[bool, typer.Option("--no-labels", help="Do not take short, frequent answers for labels.")]
Group = Annotated[str, typer.Option("--group", help="Column whose equal values stay in one part of the split.")]
IdColumn = Annotated[str, typer.Option("--id", help="Column that holds the rows' own ids.")]
Delimiter = Annotated[str, typer.Option("--delimiter", help="Delimiter of a CSV file.")]
SourceKind = Annotated[
    str,
    typer.Option("--source-kind", help="Where the rows come from: real, llm, grammar, procedural, augment, captured."),
]
Licence = Annotated[str, typer.Option("--licence", help="Licence or terms of the rows, in words.")]
Source = Annotated[str, typer.Option("--source", help="Where the rows are from: a system, a vendor, a model.")]
Against = Annotated[list[str], typer.Option("--against", help="Data that no row may stand in; may be repeated.")]
Usage = Annotated[str, typer.Option("--usage", help="A sample of real use that the rows should cover.")]
SelfTest = Annotated[
    bool, typer.Option("--self-test", help="Plant known defects into a copy and measure what the checks find.")
]
PolicyFile = Annotated[str, typer.Option("--policy", help="Policy file; see schemas/policies/default.yaml.")]
Schema = Annotated[str, typer.Option("--schema", help="Contract file; a shipped one fits the format by default.")]
Only = Annotated[list[str], typer.Option("--check", help="Run this check alone; may be repeated.")]
Skipped = Annotated[list[str], typer.Option("--skip", help="Do not run this check; may be repeated.")]
LeaveOut = Annotated[
    list[str], typer.Option("--leave-out", help="Rows that this CHECK, or CHECK:KIND, flags leave; may be repeated.")
]
Set = Annotated[list[str], typer.Option("--set", help="An option of a check: near-duplicate.threshold=0.8.")]
With = Annotated[list[Path], typer.Option("--with", help="A Python file that defines a part; may be repeated.")]
Exact = Annotated[bool, typer.Option("--exact", help="Find every near-duplicate, not 99.5 % of those at the bar.")]
Keep = Annotated[
    str, typer.Option("--keep", help="Which near-duplicate stays: longest, first, last, newest:COLUMN or best:COLUMN.")
]
NoEmbed = Annotated[bool, typer.Option("--no-embeddings", help="Run no check that needs the encoder.")]
Precision = Annotated[str, typer.Option("--precision", help="auto (bf16 where the processor has it) or fp32.")]
Encoder = Annotated[str, typer.Option("--encoder", help="A sentence-transformers name or path.")]
Write = Annotated[
    list[str],
    typer.Option("--write", help="Findings to a file as sarif, junit, csv or jsonl: sarif:FILE; may be repeated."),
]
Baseline = Annotated[
    str, typer.Option("--baseline", help="An older run, or its SARIF or JSON lines: only what is new counts.")
]
For = Annotated[str, typer.Option("--for", help="Hold the rows against this provider's rules: openai, together, ...")]
Trainer = Annotated[str, typer.Option("--trainer", help="Forecast this trainer: trl, axolotl, llamafactory, mlx, ...")]
Model = Annotated[str, typer.Option("--model", help="Folder with the model's tokenizer, or its id in the Hub cache.")]
MaxLength = Annotated[int, typer.Option("--max-length", help="The trainer's length limit in tokens.")]
Heldout = Annotated[
    str, typer.Option("--heldout", help="Share held out, or a file of held-out rows; 0.1 to 0.25 by default.")
]
JudgedBy = Annotated[
    str, typer.Option("--judge", help="Ask this model, as openai:NAME, about pairs of references near the bar.")
]
Budget = Annotated[float | None, typer.Option("--budget", min=0, help="US dollars at most for --judge.")]
BaseUrl = Annotated[str, typer.Option("--base-url", help="Address of the judge's server, if not usual.")]
GithubSummary = Annotated[
    bool, typer.Option("--github-summary", help="Append the report to the summary of a GitHub job.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

SOURCE_KINDS = ("real", "llm", "grammar", "procedural", "augment", "captured")


def reading(**columns: Any) -> ReadOptions:
    """Reading options from the options of a command."""
    from toolkit.read import ReadOptions

    kind = columns.get("source_kind", "real")
    if kind not in SOURCE_KINDS:
        raise UsageError(f"unknown source kind '{kind}'", f"one of: {', '.join(SOURCE_KINDS)}")
    return ReadOptions(**columns)


def verifying(
    only: Sequence[str], skip: Sequence[str], settings: Sequence[str], schema: str = "", **encoder: Any
) -> VerifyOptions:
    """Verifying options from the options of a command."""
    from toolkit.verify import VerifyOptions

    found = set_options(settings)
    if schema:
        found.setdefault("contract", {})["schema"] = schema
    if encoder.get("precision", "auto") not in ("auto", "fp32", "bf16"):
        raise UsageError(f"unknown precision '{encoder['precision']}'", "auto, bf16 or fp32")
    return VerifyOptions(tuple(only), tuple(skip), found, **encoder)


def judged_by(model: str, budget: float | None, base_url: str) -> Judge | None:
    """Who judges doubtful pairs."""
    if not model:
        if budget is not None or base_url:
            raise UsageError("--budget and --base-url speak of a judge", "add --judge openai:NAME")
        return None
    from toolkit.doubts import Judge

    return Judge(model, budget, base_url)


def duplicates(settings: Sequence[str], exact: bool, keep: str) -> list[str]:
    """`--set` lines with those that `--exact` and `--keep` are short for."""
    if keep:
        from toolkit.near.preference import parse_rule

        parse_rule(keep)
    own = ["near-duplicate.exact=true"] * exact + [f'near-duplicate.keep="{keep}"'] * bool(keep)
    return [*settings, *own]


def share_or_file(text: str) -> float | str | None:
    """A share of rows, the name of a file of them, or None where the toolkit is to choose."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def set_options(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`check.option=value` lines as a mapping; a value is read as a number or true/false where it is one."""
    found: dict[str, dict[str, Any]] = {}
    for line in settings:
        name, equals, value = line.partition("=")
        check, dot, option = name.partition(".")
        if not equals or not dot:
            raise UsageError(f"--set {line} cannot be read", "write --set check.option=value")
        found.setdefault(check.strip(), {})[option.strip()] = _value(value.strip())
    return found


def for_target(target: str, settings: Sequence[str], run: str = "") -> list[str]:
    """The `--set` lines with the provider that `--for` names; the rows of a run that is there are held against it."""
    if not target:
        return list(settings)
    from toolkit.checks.provider_profile import of
    from toolkit.store.folder import is_run

    if run and is_run(run):
        from toolkit.provider import hold

        hold(run, target)
    return [*settings, f"provider-profile.target={of(target).target}"]


def trainer_asked(trainer: str, model: str, max_length: int, settings: Sequence[str]) -> tuple[Asked | None, list[str]]:
    """The dry run that the options of a command ask for, and the `--set` lines that are not the trainer's."""
    if not trainer:
        if model or max_length:
            raise UsageError("--model and --max-length speak of a trainer", "add --trainer NAME")
        return None, list(settings)
    from toolkit.dry_run import Asked

    own = [line for line in settings if line.startswith(f"{trainer}.")]
    asked = Asked(trainer, model, max_length, set_options(own).get(trainer, {}))
    asked.check()
    return asked, [line for line in settings if line not in own]


def _value(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def load_parts(files: Sequence[Path]) -> None:
    """Put the parts of the user's own files on their shelves."""
    from toolkit.core.parts import load_local

    for file in files:
        load_local(file)


def say_notes(loaded: Loaded) -> None:
    """What one should know of a recipe before anything is made."""
    from toolkit.generate.prompts import notes
    from toolkit.renderers.trial import safe

    for words in notes(loaded):
        say(f"note: {safe(words)}")


def progress() -> Progress | None:
    """A progress line on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        return None
    from toolkit.renderers.progress import Line

    return Line()


def say(text: str = "") -> None:
    """Words for a person, on standard error."""
    print(text, file=sys.stderr)
