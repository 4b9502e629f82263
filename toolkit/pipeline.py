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
from toolkit.core.errors import NotFit, UsageError, unknown
from toolkit.core.share import shipped
from toolkit.store import streams
from toolkit.store.frames import segments
from toolkit.write import whole_file


class Step(BaseModel):
    """One verb with its options; those that name a file are paths from the pipeline's own folder."""

    model_config = ConfigDict(extra="forbid")
    verb: Literal["capture", "generate", "sample", "label", "verify", "split", "readiness", "export"]
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

    Raises what the verbs raise, NotFit where a step waits for people. A step that was cut off is done
    again by the next run, those before it are skipped.
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
        "sample": "queue/queue.jsonl",
        "verify": "ledger.duckdb",
        "split": "split.json",
        "readiness": "readiness.json",
    }
    told.append((target / outputs.get(step.verb, "rows.jsonl")).exists())
    beside = {"label": ("queue/queue.jsonl", "queue/answers.jsonl")}
    beside |= dict.fromkeys(("split", "readiness", "export"), ("kept.jsonl", "split.json"))
    told += [streams.sha256(file) for name in beside.get(step.verb, ()) if (file := target / name).is_file()]
    return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()


def _capture(options: dict[str, Any], target: Path) -> Done:
    from toolkit.capture.compact import CompactOptions, compact

    log = _needed(options, "log")
    asked = _taken(CompactOptions, options)
    _no_more(options, CompactOptions)
    made = compact(log, target / "captured", asked)
    return Done("capture", "done", f"{made.rows:,} rows of {made.answers:,} answers in {made.calls:,} calls")


def _sample(options: dict[str, Any], target: Path) -> Done:
    from toolkit.read import ReadOptions
    from toolkit.sample import Given, SampleOptions, sample, write_for
    from toolkit.sample.driver import rounds_of
    from toolkit.sample.rounds import advice
    from toolkit.store import labels
    from toolkit.verify import VerifyOptions, encoder

    pool, n, tools = _needed(options, "data"), options.pop("n", 200), options.pop("to", [])
    train, exclude = _there(options.pop("train", None)), options.pop("exclude", [])
    if not _there(options.get("seek")):
        options.pop("seek", None)
    reading, asked, encode = (_taken(each, options) for each in (ReadOptions, SampleOptions, VerifyOptions))
    _no_more(options, Given)
    decided = labels.beside(Path(train)) if train else None
    before = (decided,) if decided is not None and decided.is_file() else ()
    given = Given(pool, train, tuple([exclude] if isinstance(exclude, str) else exclude), before, reading, asked)
    made = sample(given, n, out=target / "queue", encode=encoder(encode))
    for tool in tools:
        write_for(tool, made.rows, made.folder, made.told["classes"])
    rounds = rounds_of(made)
    words = f"; {advice(rounds)}" if rounds else ""
    return Done("sample", "done", f"{len(made.rows):,} rows to label in {made.path}{words}")


def _there(path: str | None) -> str | None:
    """A file that an earlier round makes, None before there is one."""
    return path if path and Path(path).is_file() else None


def _label(options: dict[str, Any], target: Path) -> Done:
    from toolkit.label.merge import answered, merge

    queue, into = options.pop("queue", target / "queue" / "queue.jsonl"), _needed(options, "into")
    named = options.pop("answers", [target / "queue" / "answers.jsonl"])
    least, new_labels = options.pop("least", 1.0), options.pop("new_labels", False)
    if options:
        raise unknown("option", next(iter(options)), ["answers", "into", "least", "new_labels", "queue"])
    files = [each for each in ([named] if isinstance(named, str) else named) if Path(each).is_file()]
    done, rows = answered(files, queue)
    if not done or done < least * rows:
        what = f"{rows - done:,} of {rows:,} rows of {queue} wait for an answer"
        raise NotFit(what, f"toolkit label {queue} --serve, and then the same command again: it goes on from here")
    made = merge(files, queue, into, new_labels=new_labels)
    disputed = f", {len(made.disputed):,} disputed" if made.disputed else ""
    return Done("label", "done", f"{made.added:,} rows added to {into}, {made.rejected:,} rejected{disputed}", made.fit)


def _verify(options: dict[str, Any], target: Path) -> Done:
    from toolkit.read import ReadOptions
    from toolkit.verify import VerifyOptions, verify

    reading = _taken(ReadOptions, options)
    looking = _taken(VerifyOptions, options)
    data = _needed(options, "data")
    found = verify(data, run=target, reading=reading, options=looking, **_with_policy(options))
    return Done("verify", "done", f"{found.decision.records:,} records, {found.decision.kept:,} kept")


def _split(options: dict[str, Any], target: Path) -> Done:
    from toolkit.split import SplitOptions, split, split_given
    from toolkit.verify import VerifyOptions, encoder

    encode = encoder(VerifyOptions()) if options.pop("embed", True) else None
    if isinstance(options.get("heldout"), str):
        found = split_given(target, options.pop("heldout"), encode=encode)
        _no_more(options, SplitOptions)
        return Done("split", "done", ", ".join(f"{part.name} {part.rows:,}" for part in found.parts.values()))
    found = split(target, _taken(SplitOptions, options), encode=encode)
    sizes = ", ".join(f"{part.name} {part.rows:,}" for part in found.parts.values())
    return Done("split", "done", sizes)


def _readiness(options: dict[str, Any], target: Path) -> Done:
    from toolkit.readiness import readiness

    found = readiness(target, **_with_policy(options))
    return Done("readiness", "done", f"{found.verdict}{_to_seek(target)}", found.fit)


def _to_seek(target: Path) -> str:
    """What the next round should seek, where the run has rounds."""
    if not (target / "queue").is_dir():
        return ""
    from toolkit.sample.seek import sought

    names = sought(target / "readiness.json")
    return f"; the next round should seek: {', '.join(names)}" if names else "; no class lacks rows"


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
    "sample": _sample,
    "label": _label,
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


def _no_more(given: dict[str, Any], taken_by: Any) -> None:
    if given:
        raise unknown("option", next(iter(given)), [field.name for field in fields(taken_by)])


def _needed(given: dict[str, Any], name: str) -> Any:
    if name not in given:
        raise UsageError(f"a step lacks '{name}'", f"add `{name}:` to its options")
    return given.pop(name)


def _with_policy(given: dict[str, Any]) -> dict[str, Any]:
    """What is left of a step's options for its verb, the policy as a path."""
    return {name: Path(value) if name == "policy" else value for name, value in given.items()}
