"""The one door in: any file, Hub id or table becomes a frozen data set, and no record is lost.

Every record of the input ends as a row or as a reject with its position and reason.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from toolkit.core import parts
from toolkit.core.errors import InputError, MachineError, UsageError, unknown
from toolkit.core.records import Record, Source, claimed
from toolkit.parse import Chunk, Parser, claim, value_of
from toolkit.parse import ReadOptions as ReadOptions
from toolkit.runners.processes import mapped
from toolkit.store import columns as cols
from toolkit.store import streams
from toolkit.store.dataset import Dataset, DatasetWriter, Manifest, SourceNote
from toolkit.store.sampler import Sampler
from toolkit.store.shared import Shared

READING = 2
"""Raised where a record becomes another row than before, so that an older run is read anew."""
SAMPLE = 1000
OF_A_RUN = ("kept.jsonl", "train.jsonl", "dev.jsonl", "heldout.jsonl")
"""Rows that a run writes as they came."""
COLUMNS = ("text", "label", "prompt", "answer", "group", "id")
BATCH_ROWS = 8192
BATCH_BYTES = 16 << 20
LARGE = 24 << 20
"""Bytes of a file from which a second process pays: it takes a second of CPU to start."""
Progress = Callable[[str, int, int], None]


def read(data: Any, folder: Path, options: ReadOptions | None = None, progress: Progress | None = None) -> Dataset:
    """Freeze `data` into `folder`; a data set already there that was made of the same bytes is used as it is.

    data: a path, a Hub id, a `datasets.Dataset`, an Arrow table, a pandas frame, or a list of dicts.
    Raises InputError for what cannot be read at all, ProviderError when the Hub does not serve.
    """
    options = options or ReadOptions()
    source = locate(data, options)
    options = _as_its_run(source, options)
    sha256 = streams.sha256(source.path) if source.path is not None and source.path.is_file() else ""
    if sha256 and (found := _existing(folder, _digest(sha256, options))):
        return found
    reader = _choose_file(source)
    writer = DatasetWriter(folder)
    try:
        frozen = _Freezer(source, options, writer, progress, sha256).freeze(reader)
        return writer.finish(frozen)
    except BaseException as failure:
        writer.abandon()
        if isinstance(failure, OSError):
            what = f"writing {folder.name} failed: {failure.strerror or failure}"
            raise MachineError(what, "free some space or name another folder with --run") from failure
        raise


def locate(data: Any, options: ReadOptions | None = None) -> Source:
    """The source that `data` names; raises InputError when there is none."""
    delimiter = (options.delimiter if options else "") or None
    if not isinstance(data, str | Path):
        return Source(type(data).__name__.lower(), obj=data)
    if not str(data):
        raise InputError("no data was named", "name a file, a Hub id, or - for standard input")
    path = Path(data)
    if path.is_dir():
        return Source(path.resolve().name, path=path, delimiter=delimiter)
    if streams.is_pipe(path):
        rest = streams.at_rest(path)
        return Source("stdin", path=rest, head=streams.head(rest), delimiter=delimiter)
    if path.exists() or not _is_hub(str(data)):
        return Source(path.name, path=path, head=streams.head(path), delimiter=delimiter)
    return Source(str(data))


def _as_its_run(source: Source, options: ReadOptions) -> ReadOptions:
    """The options with the columns that a run was read by, for a part of it: it stands in the columns it came in."""
    path = source.path
    if path is None or path.name not in OF_A_RUN or any(getattr(options, name) for name in ("format", *COLUMNS[:4])):
        return options
    try:
        told = Dataset(path.parent / "dataset").manifest.options
        named = {name: told[name] for name in ("format", *COLUMNS[:4]) if told.get(name)}
        first = json.loads(source.head.split(b"\n", 1)[0])
    except (InputError, ValueError):
        return options
    columns = {named[name] for name in named if name != "format"}
    if not named or not isinstance(first, dict) or not columns <= first.keys():
        return options
    source.notes.append(f"columns of the run it is of: {', '.join(map(str, named.values()))}")
    return replace(options, **named)


def _is_hub(name: str) -> bool:
    from toolkit.files.hub import HUB_ID

    return bool(HUB_ID.match(name)) and not Path(name).suffix.lower().startswith((".json", ".csv", ".tsv", ".parquet"))


def _choose_file(source: Source) -> Any:
    claim, reader = claimed(source)
    if not claim:
        raise InputError(f"{source.name} is not a file or table that can be read", "see `toolkit parts files`")
    return reader


def _digest(sha256: str, options: ReadOptions) -> str:
    told = json.dumps([READING, sha256, asdict(options), cols.STORED.names], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _existing(folder: Path, digest: str) -> Dataset | None:
    try:
        found = Dataset(folder)
    except InputError:
        return None
    return found if found.manifest.digest == digest else None


@dataclass
class _Freezer:
    """One pass over a source: records become rows or rejects, chunk by chunk, side by side where there are many.

    sha256: of the source's file; empty for what is no file, whose rows are hashed as they come.
    """

    source: Source
    options: ReadOptions
    writer: DatasetWriter
    progress: Progress | None
    sha256: str
    formats: Counter[str] = field(default_factory=Counter)
    seen: dict[int, int] = field(default_factory=dict)
    sample: Sampler = field(default_factory=Sampler)
    count: int = 0
    n_rows: int = 0
    n_rejects: int = 0
    n_bytes: int = 0

    def freeze(self, reader: Any) -> Manifest:
        checksum = hashlib.sha256()
        records = reader.records(self.source)
        first = list(islice(records, SAMPLE))
        self.shelf = {name: found() for name, found in parts.parts("formats").items()}
        self.format = self._settle(first)
        parser = Parser(self.shelf, self.format, self.options, self.source.name, self.source.counts)
        hashed = None if self.sha256 else checksum
        for chunk in mapped(parser.chunk, _chunks(chain(first, records), hashed), spread=self._is_large()):
            self._take(chunk)
        return self._manifest(reader, self.sha256 or checksum.hexdigest())

    def _shared(self) -> Shared:
        found = self.sample.found()
        return found if self.options.labels else replace(found, answers_are_labels=False)

    def _is_large(self) -> bool:
        path = self.source.path
        return path is not None and path.is_file() and path.stat().st_size >= LARGE

    def _manifest(self, reader: Any, sha256: str) -> Manifest:
        if self.options.format and self.n_rows and not self.formats[self.format.id]:
            looks = self.formats.most_common(1)[0][0]
            raise InputError(
                f"no row of {self.source.name} is {self.format.id}", f"leave --format out: it looks like {looks}"
            )
        shared = self._shared()
        note = SourceNote(
            name=self.source.name,
            sha256=sha256,
            file=reader.id,
            counts=self.source.counts,
            bytes=self.n_bytes,
            records=self.count,
            rows=self.n_rows,
            rejects=self.n_rejects,
            columns=list(self.source.columns),
            notes=[*self.source.notes, *shared.notes()],
        )
        return Manifest(
            digest=_digest(sha256, self.options),
            format=self.format.id,
            options=asdict(self.options),
            rows=self.n_rows,
            rejects=self.n_rejects,
            sources=[note],
            formats=dict(self.formats),
            shared=shared.told(),
        )

    def _settle(self, first: list[Record]) -> Any:
        """The format of the file: the one asked for, or the one that most of its first rows have."""
        if self.options.format and self.options.format not in self.shelf:
            raise unknown("format", self.options.format, self.shelf)
        asked, columns = self._named()
        self._columns_exist(first)
        if self.options.format or columns:
            name = self.options.format or asked
            built = parts.build("formats", name, columns)
            self.shelf[name] = built
            return built
        votes: Counter[str] = Counter()
        for value in map(value_of, first):
            if isinstance(value, dict):
                votes[claim(self.shelf, value).id] += 1
        votes.pop("unknown", None)
        return self.shelf[votes.most_common(1)[0][0] if votes else "unknown"]

    def _named(self) -> tuple[str, dict[str, str]]:
        """The format that the named columns are of, and its options."""
        told = self.options
        if told.prompt or told.answer:
            if not (told.prompt and told.answer):
                raise UsageError("--prompt and --answer name the two sides of a row", "give both")
            return "prompt-completion", {"prompt": told.prompt, "completion": told.answer}
        columns = {name: value for name in ("text", "label") if (value := getattr(told, name))}
        return "text-label" if told.label else "text", columns

    def _columns_exist(self, first: list[Record]) -> None:
        columns = {name: getattr(self.options, name) for name in COLUMNS}
        seen = list(dict.fromkeys(key for value in map(value_of, first) if isinstance(value, dict) for key in value))
        for option, name in columns.items():
            if name and seen and name not in seen:
                raise UsageError(
                    f"--{option} {name}: {self.source.name} has no such column", f"its columns: {', '.join(seen[:20])}"
                )

    def _take(self, chunk: Chunk) -> None:
        self.formats += chunk.formats
        if len(chunk.rows):
            self.sample.take(chunk.rows)
            self.writer.write(self._placed(chunk.rows))
        if len(chunk.rejects):
            self.writer.write_rejects(_from(chunk.rejects, self.count))
        self.count += chunk.n_records
        self.n_rows += len(chunk.rows)
        self.n_rejects += len(chunk.rejects)
        self.n_bytes += chunk.n_bytes
        if self.progress is not None:
            self.progress("read", self.count, 0)

    def _placed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Rows with their ordinals in the whole source, and how often each stood there before."""
        nth = np.zeros(len(rows), np.int32)
        for at, hashed in enumerate(rows.column("hash").to_numpy().tolist()):
            nth[at] = self.seen.get(hashed, 0)
            self.seen[hashed] = int(nth[at]) + 1
        at = rows.schema.get_field_index("nth")
        return _from(rows.set_column(at, rows.schema.field(at), pa.array(nth)), self.count)


def _from(batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """A batch whose ordinals start at `first`."""
    ordinals = pa.array(batch.column("row").to_numpy() + first, pa.int64())
    return batch.set_column(0, batch.schema.field(0), ordinals)


def _chunks(records: Iterable[Record], checksum: Any) -> Iterator[list[Record]]:
    """Records in lists of bounded length and size; `checksum`, where given, is told the bytes of each."""
    held: list[Record] = []
    n_bytes = 0
    for record in records:
        if checksum is not None:
            checksum.update(record.raw)
        held.append(record)
        n_bytes += len(record.raw)
        if len(held) >= BATCH_ROWS or n_bytes >= BATCH_BYTES:
            yield held
            held, n_bytes = [], 0
    if held:
        yield held
