"""Held-out rows and what two models answered to them, matched by id and checked by content."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.core.errors import InputError, UsageError
from toolkit.core.records import claimed
from toolkit.core.text import normal_text
from toolkit.parse import value_of
from toolkit.read import locate
from toolkit.store import streams
from toolkit.store.dataset import Dataset

ANSWERS = ("prediction", "predicted", "output", "completion", "response", "answer", "label")
TEXTS = ("prompt", "text", "input", "question")
IDS = ("id", "row_id", "uuid", "_id", "example_id")
NAMED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out rows. ref: own ids, else lines; row: ids of the content; expected: label or answer, None where
    there is none; group: ids (n,) of rows that are alike or belong together; labelled: whether labels are expected."""

    name: str
    sha256: str
    ref: list[str]
    row: list[str]
    prompt: list[str]
    expected: list[str | None]
    group: npt.NDArray[np.int64]
    labelled: bool


@dataclass(frozen=True, slots=True)
class Predictions:
    """One model's answers in the order of the held-out rows, as objects. checked: by `content`, or by `id` alone."""

    name: str
    sha256: str
    lines: list[Mapping[str, Any]]
    checked: str

    def answers(self) -> list[str | None]:
        return [_answer(line) for line in self.lines]


def held_rows(data: Dataset, name: str, sha256: str, *, threshold: float = 0.7) -> Held:
    """The held-out rows of a data set; near-duplicates (Jaccard of `threshold`) and rows of one group are tied.

    Raises InputError for fewer than two rows, and for records that could not be read.
    """
    if data.manifest.rejects:
        what = f"{name}: {data.manifest.rejects:,} of its records cannot be read as rows"
        raise InputError(what, f"toolkit verify {name} says which; a held-out set must be whole")
    table = data.table(("ref", "row_id", "prompt", "label", "answer", "group"))
    if len(table) < 2:
        raise InputError(f"{name} has {len(table)} rows: two models cannot be compared on it", "hold out more rows")
    columns = {each: table.column(each).to_pylist() for each in ("ref", "row_id", "prompt", "label", "answer", "group")}
    labelled = any(columns["label"])
    expected = [each or None for each in columns["label" if labelled else "answer"]]
    group = _groups(table.column("prompt"), columns["group"], threshold)
    prompts = [each or "" for each in columns["prompt"]]
    return Held(name, sha256, columns["ref"], columns["row_id"], prompts, expected, group, labelled)


def _groups(prompts: pa.ChunkedArray, groups: list[str | None], threshold: float) -> npt.NDArray[np.int64]:
    from toolkit.near.components import components
    from toolkit.near.pairs import near_pairs

    pairs = near_pairs(prompts, threshold=threshold)
    first: dict[str, int] = {}
    tied = [(first.setdefault(name, at), at) for at, name in enumerate(groups) if name is not None]
    own = np.array([each for each in tied if each[0] != each[1]], np.int64).reshape(-1, 2)
    left, right = np.concatenate([pairs.left, own[:, 0]]), np.concatenate([pairs.right, own[:, 1]])
    return components(len(groups), left, right)


def predictions(path: str | Path, held: Held) -> Predictions:
    """A file of predictions, one line a held-out row, put into the order of the rows.

    A line has `row` (the id of the row's content) or `id` (the row's own id or line), and a prediction,
    `correct` or `score`. Where it has `row`, or a copy of the prompt, its content is checked too. Raises
    InputError with counts for missing, extra, doubled and changed rows.
    """
    name, lines = Path(path).name, list(_objects(path))
    by_row, by_ref = {row: at for at, row in enumerate(held.row)}, _by_ref(held)
    found: dict[int, Mapping[str, Any]] = {}
    extra, twice, changed, checked = [], [], [], 0
    for position, line in lines:
        key, at = _place(line, by_row, by_ref, f"{name}, line {position}")
        if at is None:
            extra.append(key)
        elif at in found:
            twice.append(key)
        else:
            found[at] = line
            same = _same(line, held, at)
            checked += same is not None
            changed += [key] if same is False else []
    missing = [held.ref[at] for at in range(len(held.ref)) if at not in found]
    _refuse(name, held, missing=missing, extra=extra, twice=twice, changed=changed)
    whole = "content" if checked == len(lines) else "id"
    return Predictions(name, streams.sha256(Path(path)), [found[at] for at in range(len(held.ref))], whole)


def alone(before: str | Path, after: str | Path) -> tuple[Predictions, Predictions]:
    """Two files that carry their own `correct` or `score`, in one order; their ids must be the same."""
    sides = [(Path(path).name, list(_objects(path))) for path in (before, after)]
    ids = [[_own_id(line, f"{name}, line {at}") for at, line in lines] for name, lines in sides]
    for (name, _), own in zip(sides, ids, strict=True):
        if twice := [key for key, count in Counter(own).items() if count > 1]:
            raise InputError(f"{name}: {len(twice)} ids stand twice ({_few(twice)})", "leave one line of each")
    sets = [set(own) for own in ids]
    if sets[0] != sets[1]:
        only = [[key for key in own if key not in other] for own, other in zip(ids, sets[::-1], strict=True)]
        told = [
            f"{len(keys)} ids are only in {name} ({_few(keys)})" for (name, _), keys in zip(sides, only, strict=True)
        ]
        raise InputError("; ".join(told), "predict the same rows with both models")
    order = {key: at for at, key in enumerate(ids[0])}
    second = sorted(zip(ids[1], sides[1][1], strict=True), key=lambda each: order[each[0]])
    placed = ([line for _, line in sides[0][1]], [line for _, (_, line) in second])
    first, last = (
        Predictions(name, streams.sha256(Path(path)), lines, "id")
        for (name, _), path, lines in zip(sides, (before, after), placed, strict=True)
    )
    return first, last


def _objects(path: str | Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of any file that the toolkit reads, with their positions; a broken one is an error."""
    source = locate(str(path))
    claim, reader = claimed(source)
    if not Path(path).is_file() or not claim:
        raise InputError(f"{path} is not a file of predictions", "one JSON object a line: id and prediction")
    for record in reader.records(source):
        value = value_of(record)
        if not isinstance(value, dict):
            what = f"{Path(path).name}, line {record.position}: not a JSON object"
            raise InputError(what, "each line is one prediction: id and prediction")
        yield record.position, value


def _by_ref(held: Held) -> dict[str, int]:
    """Places by own id; an id that several rows have names none of them."""
    counts = Counter(held.ref)
    return {ref: at if counts[ref] == 1 else -1 for at, ref in enumerate(held.ref)}


def _place(
    line: Mapping[str, Any], by_row: Mapping[str, int], by_ref: Mapping[str, int], where: str
) -> tuple[str, int | None]:
    if isinstance(line.get("row"), str):
        return str(line["row"]), by_row.get(str(line["row"]))
    key = _own_id(line, where)
    at = by_ref.get(key)
    if at == -1:
        raise InputError(f"{where}: several held-out rows have the id {key[:60]!r}", _PREPARE)
    return key, at


_PREPARE = (
    "toolkit compare --prepare HELDOUT writes lines with `row`, the id of the content; keep it in each prediction"
)


def _own_id(line: Mapping[str, Any], where: str) -> str:
    for name in IDS:
        if isinstance(line.get(name), str | int) and not isinstance(line[name], bool):
            return str(line[name])
    raise InputError(f"{where}: it has no id", _PREPARE)


def _same(line: Mapping[str, Any], held: Held, at: int) -> bool | None:
    """Whether a line speaks of the row's content; None where it does not say."""
    if isinstance(line.get("row"), str):
        return True
    copies = [line[name] for name in TEXTS if isinstance(line.get(name), str)]
    return any(normal_text(each) == normal_text(held.prompt[at]) for each in copies) if copies else None


def _refuse(name: str, held: Held, **wrong: Sequence[str]) -> None:
    words = {
        "missing": f"of {len(held.ref):,} held-out rows have no prediction",
        "extra": f"predictions are of no row of {held.name}",
        "twice": "rows are predicted twice",
        "changed": f"predictions were made of another text than {held.name} has under their id",
    }
    told = [f"{len(keys):,} {words[kind]} ({_few(keys)})" for kind, keys in wrong.items() if keys]
    if told:
        raise InputError(f"{name}: {'; '.join(told)}", f"predict exactly the rows of {held.name}, with both models")


def _few(keys: Sequence[str]) -> str:
    return ", ".join(key[:40] for key in keys[:NAMED]) + (", …" if len(keys) > NAMED else "")


def _answer(line: Mapping[str, Any]) -> str | None:
    found = next((line[name] for name in ANSWERS if name in line), None)
    if found is None or isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) else json.dumps(found, sort_keys=True, ensure_ascii=False)


def numbers(found: Predictions, name: str) -> npt.NDArray[np.float64] | None:
    """A column of numbers that every line has, None where no line has it. InputError where only some have."""
    values = [line.get(name) for line in found.lines]
    known = [isinstance(value, int | float) and np.isfinite(value) for value in values]
    if not any(known):
        return None
    if not all(known):
        at = known.index(False)
        what = f"{found.name}: '{name}' is a number on {sum(known):,} of {len(known):,} lines, not on all"
        raise InputError(
            f"{what} (the first without: {str(values[at])[:40]!r})", f"give '{name}' on every line or on none"
        )
    return np.array(values, np.float64)


def prepared(held: Held) -> Iterator[dict[str, str]]:
    """A line for each held-out row to be answered: id, row, prompt."""
    for ref, row, prompt in zip(held.ref, held.row, held.prompt, strict=True):
        yield {"id": ref, "row": row, "prompt": prompt}


def both(name: str, one: Any, other: Any) -> bool:
    """Whether both sides have something; UsageError where only one has."""
    if (one is None) != (other is None):
        raise UsageError(f"only one of the two files has '{name}'", f"give '{name}' in both, or in neither")
    return one is not None
