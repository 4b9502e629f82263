"""Make rows by a recipe: `generate` runs it to its end, `prepare` plans it and shows what it can give."""

from __future__ import annotations

from pathlib import Path

from toolkit.generate.loading import load
from toolkit.generate.production import Prepared, Progress, prepare
from toolkit.generate.result import GenerateResult

__all__ = ["GenerateResult", "Prepared", "generate", "load", "prepare"]


def generate(
    recipe: str | Path,
    *,
    rows: int | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> GenerateResult:
    """Run a recipe file until its target of accepted rows is met, or stop early and say why.

    rows, out, seed: win over the recipe. A run that was begun in the same folder goes on where it
    stopped, and nothing that it was sent is asked for again; `fresh` begins anew and keeps the old
    journal. progress: called as (stage, done, total). Raises UsageError, InputError, MachineError or
    ProviderError.
    """
    loaded = load(Path(recipe), rows=rows, seed=seed, out=str(out) if out is not None else None)
    return prepare(loaded).run(fresh=fresh, progress=progress)
