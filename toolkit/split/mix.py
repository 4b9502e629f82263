"""General rows mixed into train against forgetting, and some kept apart to watch for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.core.jsontext import Value, parse, written
from toolkit.near import ties
from toolkit.near.components import components
from toolkit.near.cross import crossing
from toolkit.near.pairs import near_pairs
from toolkit.read import Progress, ReadOptions, locate, read
from toolkit.split.result import MIX, SplitResult, load_split
from toolkit.store import streams
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, open_run
from toolkit.store.view import View
from toolkit.write import one_line, whole_file

VERSION = 1
MANIFEST, PLACES, MIXED, REGRESSION = MIX
GENERAL = Path("references") / "general"
CHATS = ("messages", "sharegpt", "alpaca", "prompt-completion")
READS = ("body", "hash", "nth", "ref", "row_id", "raw")
NEAR = 0.7
ACROSS = 0.6
SPARE = 1.5

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MixOptions:
    """share: of the mixed train file, that is general. watch: general rows kept apart, at most."""

    share: float = 0.1
    watch: int = 200
    seed: int = 0

    def check(self) -> None:
        """Raises UsageError for options that cannot be meant."""
        if not 0 < self.share <= 0.5:
            what = f"a share of {self.share} of general rows is not meant"
            raise UsageError(what, "over 0, up to 0.5: --share 0.1; toolkit parts narrowness says how much")


class _Line(NamedTuple):
    """One row of a file: where it is from, its names, its JSON."""

    source: str
    row_id: str
    ref: str
    text: str


def mix(
    run: str | Path,
    general: Any,
    options: MixOptions | None = None,
    *,
    reading: ReadOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write train.mixed.jsonl and regression.jsonl of a split run; the returned manifest is mix.json.

    general: what `read` takes, rows of other tasks than this one. None of them is a near-duplicate of another, of
    a row of the split or across the two files. mix.parquet names the source of every line. Raises UsageError
    where the run is not split or the rows do not fit its format, InputError where there are too few.
    """
    options = options or MixOptions()
    options.check()
    folder = open_run(run)
    with folder.locked():
        split = load_split(folder)
        if split is None:
            raise UsageError(f"{folder.path} is not split", f"run `toolkit split {folder.path}` first")
        found = read(general, folder.path / GENERAL, reading, progress)
        _fits(found.manifest.format, split.data.manifest.format)
        wanted = max(1, round(options.share / (1 - options.share) * split.train.rows))
        chosen, gone = _chosen(split, found, wanted + options.watch, options.seed)
        watch = min(options.watch, len(chosen) // 5)
        if len(chosen) - watch < wanted:
            raise _too_few(locate(general).name, len(chosen) - watch, wanted, split.train.rows)
        lines = _converted(found, chosen, split.data.manifest, locate(general).name)
        return _write(folder, split, (lines[:wanted], lines[wanted : wanted + watch]), options, found, gone)


def load_mix(folder: RunFolder, split: SplitResult | None) -> dict[str, Any] | None:
    """The mix that lies in a run folder; None where there is none, or where train has changed since."""
    try:
        found: dict[str, Any] = json.loads((folder.path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    current = split is not None and found.get("version") == VERSION and found["train"] == split.train.sha256
    return found if current and all((folder.path / each["file"]).exists() for each in found["files"]) else None


def _fits(theirs: str, ours: str) -> None:
    if theirs != ours and not (theirs in CHATS and ours in CHATS):
        what = f"the general rows are {theirs}, the rows of the run {ours}"
        raise UsageError(what, "bring both into one format first: toolkit export RUN --to messages")


def _too_few(name: str, usable: int, wanted: int, train: int) -> InputError:
    what = f"{name} has {usable:,} rows that can be mixed in, {wanted:,} are needed"
    return InputError(what, f"bring more general rows, or a smaller share: --share {usable / (usable + train):.3f}")


def _chosen(split: SplitResult, general: Dataset, most: int, seed: int) -> tuple[Ints, int]:
    """Ordinals of general rows in a seeded order, alike to none of each other and of the split; and how many went."""
    view = View(general, READS)
    table = view.table("body", "hash", "nth")
    key = table.column("hash").to_numpy() + table.column("nth").to_numpy().astype(np.uint64)
    order = np.argsort(ties.seeded(key, seed), kind="stable")[: int(SPARE * most) + 100]
    some = table.take(pa.array(order))
    texts = some.column("body")
    pairs = near_pairs(texts, threshold=NEAR)
    keep = np.zeros(len(some), bool)
    keep[np.unique(components(len(some), pairs.left, pairs.right), return_index=True)[1]] = True
    for part in split.parts.values():
        blocks = (
            pa.chunked_array([batch.column("body")]) for batch in View(part.data, ("body",), part.keep).batches("body")
        )
        keep &= crossing(texts, blocks).jaccard < ACROSS
    return some.column("row").to_numpy()[keep], int((~keep).sum())


def _converted(general: Dataset, chosen: Ints, ours: Any, name: str) -> list[_Line]:
    """The chosen rows in their order, as lines of the run's format."""
    place = {row: at for at, row in enumerate(chosen.tolist())}
    lines: list[Any] = [None] * len(chosen)
    same = general.manifest.format == ours.format
    theirs, target = parts.build("formats", general.manifest.format), parts.build("formats", ours.format)
    for batch in View(general, READS, np.sort(chosen)).batches("row_id", "ref", "raw"):
        for each in batch.to_pylist():
            found = parse(each["raw"].encode("utf-8"))
            assert isinstance(found, Value)  # noqa: S101 - it was read before
            text = one_line(each["raw"]) if same else written(target.write(theirs.parse(found.value))).decode("utf-8")
            lines[place[each["row"]]] = _Line(name, each["row_id"], each["ref"], text)
    return lines


def _write(
    folder: RunFolder,
    split: SplitResult,
    lines: tuple[list[_Line], list[_Line]],
    options: MixOptions,
    general: Dataset,
    gone: int,
) -> dict[str, Any]:
    mixed, watched = lines
    (folder.path / MANIFEST).unlink(missing_ok=True)
    places: list[tuple[str, str, str, str]] = []
    _lines(folder.path / MIXED, _together(split, mixed, options.seed), places)
    _lines(folder.path / REGRESSION, iter(watched), places)
    names = ("file", "source", "row_id", "ref")
    with whole_file(folder.path / PLACES) as file:
        pq.write_table(pa.table(dict(zip(names, map(list, zip(*places, strict=True)), strict=True))), file)
    rows = split.train.rows + len(mixed)
    files = [("train.mixed", MIXED, rows), ("regression", REGRESSION, len(watched))]
    told = {
        "version": VERSION,
        "train": split.train.sha256,
        "general": general.manifest.sources[0].name,
        "general_sha256": general.manifest.digest,
        "share_asked": options.share,
        "share": round(len(mixed) / rows, 6),
        "rows_mixed_in": len(mixed),
        "left_out_as_alike": gone,
        "seed": options.seed,
        "files": [
            {"name": name, "file": file, "rows": n, "sha256": streams.sha256(folder.path / file)}
            for name, file, n in files
        ],
    }
    with whole_file(folder.path / MANIFEST) as file:
        file.write((json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    return told


def _together(split: SplitResult, mixed: list[_Line], seed: int) -> Iterator[_Line]:
    """Train in its order, with the general rows at places drawn by lot."""
    n = split.train.rows + len(mixed)
    places = set(np.random.default_rng(seed).choice(n, len(mixed), replace=False).tolist())
    own, others = _own(split), iter(mixed)
    for at in range(n):
        yield next(others) if at in places else next(own)


def _own(split: SplitResult) -> Iterator[_Line]:
    part = split.train
    for batch in View(part.data, READS, part.keep).batches("row_id", "ref", "raw"):
        for each in batch.to_pylist():
            yield _Line("train", each["row_id"], each["ref"], one_line(each["raw"]))


def _lines(path: Path, lines: Iterator[_Line], places: list[tuple[str, str, str, str]]) -> None:
    with whole_file(path) as file:
        for line in lines:
            file.write(line.text.encode("utf-8") + b"\n")
            places.append((path.name, line.source, line.row_id, line.ref))
