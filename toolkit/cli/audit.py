"""`toolkit audit`: how many labels are wrong, told by a sample that a person judges."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="A run folder, or its name under runs/.")],
    rows: Annotated[int, typer.Option("--rows", help="How many rows to draw.")] = 100,
    answers: Annotated[str, typer.Option("--answers", help="Judged file; the run's rate is taken from it.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Which sample is drawn.")] = 0,
    json: opts.AsJson = False,
) -> None:
    """Draw labelled rows to judge into audit.jsonl of the run, or take the verdicts back with --answers.

    Fill in `verdict` of each line: right, wrong or unsure, of the given label. Half of the file will
    do. The rate with its 95 % interval goes into the ledger, and the report uses it in place of the
    probe's estimate.
    """
    import json as jsonlib

    from toolkit.audit import draw, take

    if not answers:
        drawn = draw(run, rows=rows, seed=seed)
        told = {name: {"rows": size, "to judge": count} for name, (size, count) in drawn.strata.items()}
        if json:
            print(jsonlib.dumps({"file": str(drawn.path), "rows": drawn.rows, "strata": told}, indent=1))
            return
        print(f"{drawn.path}  {drawn.rows:,} rows to judge")
        for name, (size, count) in drawn.strata.items():
            print(f"  {count:>6,} of {size:>9,}  {name}")
        opts.say(f"fill in each verdict: right, wrong or unsure; then: toolkit audit {run} --answers {drawn.path}")
        return
    found = take(run, answers)
    rate = found.rate
    strata = {name: each._asdict() for name, each in found.strata.items()}
    if json:
        print(
            jsonlib.dumps(
                {**rate._asdict(), "unjudged": found.unjudged, "unsure": found.unsure, "strata": strata}, indent=1
            )
        )
        return
    print(f"{rate.rate:.1%} of labels are wrong ({rate.low:.1%} to {rate.high:.1%}, 95 %)")
    print(f"judged {rate.audited:,} of {rate.rows:,} rows; {found.unsure:,} unsure, {found.unjudged:,} not judged")
    for name, each in found.strata.items():
        print(f"  {each.errors:>4} wrong of {each.audited:>4}  {name} ({each.rows:,} rows)")
