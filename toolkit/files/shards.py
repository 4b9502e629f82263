"""A folder of shards: one data set in several files, as exports and clones of Hub repositories have it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from toolkit.core.errors import InputError
from toolkit.core.records import Record, Source, claimed
from toolkit.store import streams

DATA = {".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow"}
ABOUT = {"dataset_info.json", "dataset_infos.json"}
ELSEWHERE = ("dataset_dict.json", "state.json", "ledger.duckdb")
"""Files of folders that are read otherwise, or are no data: those of `datasets`, a run of the toolkit."""
TRAIN = "train"
SPLITS = {TRAIN, "test", "validation", "valid", "val", "dev", "eval", "heldout"}
_NUMBERS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\d+")


@dataclass(frozen=True, slots=True)
class Shards:
    """Files whose names differ in their numbers alone (`train-00000-of-00004.parquet`), read in the order of them.

    Files of other names are another data set: where the names say so (`train`, `test`, ...), `train` is read and
    the others are named in a note; else nothing is guessed and one file must be named. Rows are counted through all
    files; a note says which row each begins with.
    """

    id: ClassVar[str] = "shards"

    def claims(self, source: Source) -> int:
        path = source.path
        if path is None or not path.is_dir() or any((path / name).exists() for name in ELSEWHERE):
            return 0
        return 11 if _sets(path) else 0

    def records(self, source: Source) -> Iterator[Record]:
        assert source.path is not None  # noqa: S101 - claims() took only folders
        files, others = _chosen(source.path)
        source.counts = "row"
        count, begins = 0, []
        for file in files:
            shard = Source(file.name, path=file, head=streams.head(file), delimiter=source.delimiter)
            begins.append(f"{file.name} from row {count + 1:,}")
            for record in claimed(shard)[1].records(shard):
                count += 1
                yield record._replace(position=count)
            source.columns = source.columns or shard.columns
            source.notes += [note for note in shard.notes if note not in source.notes]
        more = f", … {begins[-1]}" if len(begins) > 4 else ""
        source.notes.append(f"{len(files)} files: {', '.join(begins[:4])}{more}")
        if others:
            source.notes.append(f"not read: {', '.join(others)}")


def _chosen(folder: Path) -> tuple[list[Path], list[str]]:
    """The files to read in their order, and the names of the sets that are left alone."""
    sets = _sets(folder)
    if len(sets) == 1:
        return next(iter(sets.values())), []
    told = {name: _split(name) for name in sets}
    train = [name for name, split in told.items() if split == TRAIN]
    if len(train) != 1 or not all(told.values()):
        names = [files[0].relative_to(folder).as_posix() for files in sets.values()]
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise InputError(f"{folder} holds {len(sets)} data sets: {shown}", "name one file, or a folder of one set")
    return sets[train[0]], [name for name in sets if name != train[0]]


def _sets(folder: Path) -> dict[str, list[Path]]:
    """The data files of a folder and those in it, by their path with `*` for its numbers, both in natural order."""
    found: dict[str, list[Path]] = {}
    for name in sorted(_names(folder), key=_natural):
        found.setdefault(_NUMBERS.sub("*", name), []).append(folder / name)
    return found


def _names(folder: Path) -> Iterator[str]:
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from ((Path(at) / name).relative_to(folder).as_posix() for name in files if _is_data(Path(name)))


def _is_data(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2:-1] if suffixes[-1:] and suffixes[-1] in streams.PACKED else suffixes[-1:]
    return bool(kind) and kind[0] in DATA and path.name not in ABOUT and not path.name.startswith(".")


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers by their value, so that part-10 comes after part-9."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)]


def _split(name: str) -> str:
    """The part of a split that a path names, empty where it names none."""
    return next((word for word in re.split(r"[^a-z]+", name.lower()) if word in SPLITS), "")
