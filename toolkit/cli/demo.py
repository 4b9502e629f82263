"""`toolkit demo`: the whole story, offline."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    out: Annotated[str, typer.Option("--out", help="Folder of the run.")] = "runs/demo",
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes other rows.")] = 7,
) -> None:
    """Make a small data set with planted defects, verify, split, judge and export it: offline, without a key."""
    from toolkit.core.parts import build
    from toolkit.demo import demo

    found = demo(out, seed=seed, progress=opts.progress())
    print(f"{found.data}: support tickets and questions with computed answers, made here; defects were planted\n")
    print(f"{'planted':<18}{'rows':>6}{'found':>7}  by")
    for kind in found.kinds:
        print(f"{kind.kind:<18}{kind.planted:>6}{kind.found:>7}  {', '.join(kind.checks)}")
    print()
    print(build("renderers", "terminal").render(found.answer.report))
    for file in found.exported.files:
        print(f"{found.exported.folder / str(file['name'])}  {file['rows']:,} rows")
    print(f"\nopen {found.answer.run.readiness('html')}")
