"""Pipelines: a YAML file of verbs, run in order; a step whose inputs and options are as they were is skipped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.core import config
from toolkit.core.errors import UsageError, unknown
from toolkit.core.share import shipped
from toolkit.store import streams
from toolkit.store.frames import segments
from toolkit.write import whole_file


class Step(BaseModel):
    """One verb with its options; `data`, `log`, `recipe` and `against` are paths from the pipeline's own folder."""

    model_config = ConfigDict(extra="forbid")
    verb: Literal["capture", "generate", "verify", "split", "readiness", "export"]
    options: dict[str, Any] = Field(default_factory=dict)


class Pipeline(BaseModel):
    """Steps in one run folder. run: the folder, from the working folder."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = 1
    name: str
    description: str = ""
    run: str = ""
    steps: list[Step] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one step. outcome: `done` or `as it was`; words: one line for a person."""

    verb: str
    outcome: str
    words: str
    fit: bool = True


def find(name: str) -> Path:
    """A pipeline by its path, or by its name among the shipped ones."""
    path = Path(name)
    if path.is_file():
        return path
    known = {each.stem: each for each in sorted(shipped("pipelines").glob("*.yaml"))}
    if name in known:
        return known[name]
    raise unknown("pipeline", name, known)


def run(name: str | Path, *, folder: str | Path | None = None, fresh: bool = False) -> list[Done]:
    """Run a pipeline's steps in order and say what became of each.

    Raises what the verbs raise; a step that was cut off is done again by the next run, those before
    it are skipped.
    """
    return list(steps(name, folder=folder, fresh=fresh))


def steps(name: str | Path, *, folder: str | Path | None = None, fresh: bool = False) -> Iterator[Done]:
    """As `run`, one step at a time."""
    path = find(str(name))
    pipeline = config.load(Pipeline, path)
    target = Path(folder or pipeline.run or f"runs/{pipeline.name}")
    state = target / "pipeline.json"
    known: dict[str, str] = {} if fresh else _state(state)
    for at, step in enumerate(pipeline.steps):
        key = f"{at}-{step.verb}"
        digest = _digest(step, path.parent, target)
        if known.get(key) == digest:
            yield Done(step.verb, "as it was", "inputs and options have not changed")
            continue
        done = VERBS[step.verb](_resolved(step, path.parent, target), target)
        known = {name: value for name, value in known.items() if int(name.split("-")[0]) < at}
        known[key] = _digest(step, path.parent, target)
        with whole_file(state) as file:
            file.write(json.dumps(known, indent=1).encode())
        yield done


def _state(path: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _resolved(step: Step, home: Path, target: Path) -> dict[str, Any]:
    """A step's options, `{run}` filled in and paths taken from the pipeline's folder where they lie there."""
    return {name: _path(value, home, target) for name, value in step.options.items()}


def _path(value: Any, home: Path, target: Path) -> Any:
    if isinstance(value, list):
        return [_path(each, home, target) for each in value]
    if not isinstance(value, str):
        return value
    filled = value.replace("{run}", str(target))
    inside = home / filled
    return str(inside) if not Path(filled).is_absolute() and inside.exists() else filled


def _digest(step: Step, home: Path, target: Path) -> str:
    """What a step depends on: its options and the bytes of the files that they name."""
    told: list[Any] = [step.verb, step.options]
    for value in _resolved(step, home, target).values():
        named = [Path(each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
        told += [streams.sha256(path) for path in named if path.is_file()]
        if step.verb == "capture":
            told += [(each.name, each.stat().st_size) for path in named if path.is_dir() for each in segments(path)]
    outputs = {
        "capture": "captured/rows.jsonl",
        "verify": "ledger.duckdb",
        "split": "split.json",
        "readiness": "readiness.json",
    }
    told.append((target / outputs.get(step.verb, "rows.jsonl")).exists())
    if step.verb in ("split", "readiness", "export"):
        told += [streams.sha256(file) for file in (target / "kept.jsonl", target / "split.json") if file.is_file()]
    return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()


def _capture(options: dict[str, Any], target: Path) -> Done:
    from toolkit.capture.compact import CompactOptions, compact

    log = _needed(options, "log")
    asked = _taken(CompactOptions, options)
    if options:
        raise unknown("option", next(iter(options)), [field.name for field in fields(CompactOptions)])
    made = compact(log, target / "captured", asked)
    return Done("capture", "done", f"{made.rows:,} rows of {made.answers:,} answers in {made.calls:,} calls")


def _verify(options: dict[str, Any], target: Path) -> Done:
    from toolkit.read import ReadOptions
    from toolkit.verify import VerifyOptions, verify

    reading = _taken(ReadOptions, options)
    looking = _taken(VerifyOptions, options)
    data = _needed(options, "data")
    found = verify(data, run=target, reading=reading, options=looking, **_with_policy(options))
    return Done("verify", "done", f"{found.decision.records:,} records, {found.decision.kept:,} kept")


def _split(options: dict[str, Any], target: Path) -> Done:
    from toolkit.split import SplitOptions, split
    from toolkit.verify import VerifyOptions, encoder

    encode = encoder(VerifyOptions()) if options.pop("embed", True) else None
    found = split(target, _taken(SplitOptions, options), encode=encode)
    sizes = ", ".join(f"{part.name} {part.rows:,}" for part in found.parts.values())
    return Done("split", "done", sizes)


def _readiness(options: dict[str, Any], target: Path) -> Done:
    from toolkit.readiness import readiness

    found = readiness(target, **_with_policy(options))
    return Done("readiness", "done", found.verdict, found.fit)


def _export(options: dict[str, Any], target: Path) -> Done:
    from toolkit.export import export

    found = export(target, **options)
    return Done("export", "done", ", ".join(f"{file['name']} {file['rows']:,}" for file in found.files))


def _generate(options: dict[str, Any], target: Path) -> Done:
    from toolkit.generate import generate

    recipe = _needed(options, "recipe")
    found = generate(recipe, out=target, **options)
    return Done("generate", "done", str(found), getattr(found, "complete", True))


VERBS: dict[str, Callable[[dict[str, Any], Path], Done]] = {
    "capture": _capture,
    "generate": _generate,
    "verify": _verify,
    "split": _split,
    "readiness": _readiness,
    "export": _export,
}


def _taken(options_of: Any, given: dict[str, Any]) -> Any:
    """The options of one dataclass taken out of a step's options."""
    names = [field.name for field in fields(options_of)]
    values = {name: given.pop(name) for name in names if name in given}
    return options_of(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _needed(given: dict[str, Any], name: str) -> Any:
    if name not in given:
        raise UsageError(f"a step lacks '{name}'", f"add `{name}:` to its options")
    return given.pop(name)


def _with_policy(given: dict[str, Any]) -> dict[str, Any]:
    """What is left of a step's options for its verb, the policy as a path."""
    return {name: Path(value) if name == "policy" else value for name, value in given.items()}
