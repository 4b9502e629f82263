"""Safe repairs of a file of JSON lines: written elsewhere, each one listed, all of them taken back by `undo`.

What a repair may do is a matter of its part on the shelf `repairs`. Lines that are not JSON, NaN,
tokens of chat templates in contents and everything else that wants a decision are left as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from toolkit.core import parts, secrets
from toolkit.core.errors import InputError, UsageError, unknown
from toolkit.core.jsontext import Value, parse, written
from toolkit.core.records import claimed
from toolkit.core.splice import spliced
from toolkit.decisions import Decided, Decisions, load
from toolkit.read import locate
from toolkit.store import streams
from toolkit.store.folder import is_run, open_run
from toolkit.store.ledger import Ledger
from toolkit.write import whole_file

REACH = 4000
AROUND = 60
SHOWN = 500
TRAILER = re.compile(rb"# toolkit fix 1 ([0-9a-f]{64}) ([0-9a-f]{64})\n\Z")
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n\Z")
_MASK = re.compile(r"\[[A-Z][A-Z_-]+(?::[a-z-]+)?\]")
HIDDEN = "(not shown: it touches a credential or personal data)"
NO_END = b"\\ No newline at end of file\n"


class Change(NamedTuple):
    """One repair of one line. before, after: what it changed, with its surroundings, secrets masked.

    None after the first SHOWN of a repair, for masking costs more than mending: the diff has them all.
    """

    line: int
    row: str | None
    repair: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Fixed:
    """What was, or with a dry run would be, done. counts: lines by repair. left_alone: lines that are not JSON.

    decided: what became of people's decisions, None where none were given.
    """

    source: Path
    path: Path | None
    lines: int
    changed: int
    dropped: int
    left_alone: int
    counts: dict[str, int]
    decided: Decided | None = None

    @property
    def diff(self) -> Path | None:
        """A unified diff without context: `patch -R` takes it back, and so does `undo`."""
        return None if self.path is None else _beside(self.path, "diff")

    @property
    def listed(self) -> Path | None:
        """Every repair as one JSON line."""
        return None if self.path is None else _beside(self.path, "fixes.jsonl")


def fix(
    data: str | Path,
    out: str | Path | None,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    decisions: str | Path | None = None,
) -> Fixed:
    """Write `data` with safe repairs to `out`, its diff and the list of repairs beside it; None only counts.

    decisions: a log of answers to findings; then these are carried out, and repairs only where `only` names them.

    data: a file of JSON lines, or a run, whose source is taken, else the rows that it keeps. Raises
    UsageError for an unknown repair or a file that would be overwritten, InputError for data that is
    not JSON lines, MachineError when the disk does not take it.
    """
    source, target = _source(data), None if out is None else Path(out)
    chosen = _chosen(only, skip)
    if target is not None and target.resolve() in (source.resolve(), *(_beside(source, x).resolve() for x in SUFFIXES)):
        raise UsageError(
            f"{target} is the file to be repaired", "name another file with --out: nothing is changed in place"
        )
    if target is not None and (target.parent / "ledger.duckdb").exists():
        raise UsageError(f"{target} lies in a run folder, whose files are not to be changed", "name another file")
    decided = None if decisions is None else load(decisions)
    mender = _Mender(chosen if decided is None or only else [], decided)
    with ExitStack() as stack:
        files = None if target is None else [stack.enter_context(whole_file(each)) for each in _files(target)]
        old, new = hashlib.sha256(), hashlib.sha256()
        if files is not None:
            files[1].write(f"--- a/{source.name}\n+++ b/{source.name}\n".encode())
        for line in stack.enter_context(source.open("rb")):
            mended, changes = mender.mend(line)
            old.update(line)
            new.update(mended)
            if files is not None:
                _put(files, line, mended, changes, mender)
        if files is not None:
            files[1].write(f"# toolkit fix 1 {old.hexdigest()} {new.hexdigest()}\n".encode())
    counts = {name: mender.counts[name] for name in sorted(mender.counts)}
    told = None if decided is None else decided.told()
    return Fixed(source, target, mender.lines, mender.changed, mender.dropped, mender.left_alone, counts, told)


SUFFIXES = ("diff", "fixes.jsonl")


def undo(fixed: str | Path, out: str | Path) -> Path:
    """Write to `out` the very bytes that `fixed` was made of, by its diff.

    Raises InputError where the file or the diff has changed since.
    """
    path, target = Path(fixed), Path(out)
    diff = _beside(path, "diff")
    if not diff.is_file():
        raise InputError(f"{diff.name} is not there", "undo needs the diff that was written beside the file")
    if target.resolve() in (path.resolve(), diff.resolve()):
        raise UsageError(f"{target} is the file to be undone", "name another file with --out")
    before = _trailer(diff)
    if streams.sha256(path) != before[1]:
        raise InputError(f"{path.name} has changed since it was repaired", "undo takes the file as it was written")
    digest = hashlib.sha256()
    with whole_file(target) as file:
        for piece in _undone(path, diff):
            digest.update(piece)
            file.write(piece)
        if digest.hexdigest() != before[0]:
            raise InputError(f"{diff.name} has changed since it was written", "take the original from a backup")
    return target


def _chosen(only: Sequence[str], skip: Sequence[str]) -> list[Any]:
    known = parts.parts("repairs")
    for name in (*only, *skip):
        if name not in known:
            raise unknown("repair", name, known)
    names = [name for name in known if (not only or name in only) and name not in skip]
    return sorted((known[name]() for name in names), key=lambda each: (each.order, each.id))


def _source(data: str | Path) -> Path:
    path = _of_run(data) if is_run(data) else Path(data)
    source = locate(path)
    if source.path is None or source.path.is_dir():
        raise InputError(f"{data} is not a file", "name a file of JSON lines, or a run")
    stream = streams.open_stream(path)
    kind = stream.compression or _wide(path)
    if kind:
        raise InputError(f"{path.name} is {kind}, and a diff of it would say nothing", "unpack or re-encode it first")
    _, reader = claimed(source)
    if reader.id != "jsonl":
        what = f"{path.name} is read as {reader.id}; only JSON lines are repaired"
        raise InputError(
            what, f"`toolkit verify {path}`, then fix the kept.jsonl of its run: the same rows as JSON lines"
        )
    return path


def _of_run(run: str | Path) -> Path:
    """The file that a run was made of where it is still the same and JSON lines, else the rows that it keeps."""
    folder = open_run(run)
    with Ledger(folder.ledger, read_only=True) as ledger:
        name = ledger.meta("source") or ""
        told = json.loads(ledger.meta("manifest") or "{}").get("sources", [{}])[0]
    path = Path(name)
    same = path.is_file() and told.get("file") == "jsonl" and streams.sha256(path) == told.get("sha256")
    return path if same else folder.kept


def _wide(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    known = next((encoding for mark, encoding in streams.BOMS if start.startswith(mark)), "utf-8")
    return "" if known == "utf-8" else known.upper()


def _files(target: Path) -> list[Path]:
    return [target, *(_beside(target, suffix) for suffix in SUFFIXES)]


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


class _Mender:
    """The repairs of one file, line by line. seen: digests of the rows that stood before, 8 bytes each."""

    def __init__(self, chosen: Sequence[Any], decisions: Decisions | None = None) -> None:
        self.decisions = decisions
        self.by_kind = {kind: [each for each in chosen if each.on == kind] for kind in ("line", "row", "copy")}
        self.seen: dict[bytes, int] = {}
        self.counts: Counter[str] = Counter()
        self.lines = self.written = self.changed = self.dropped = self.left_alone = 0

    def mend(self, line: bytes) -> tuple[bytes, list[Change]]:
        """A line with its repairs; empty bytes where the row is taken away."""
        self.lines += 1
        told: list[tuple[str, bytes, bytes]] = []
        mended = self._step("line", line, told)
        end = b"\n" if mended.endswith(b"\n") else b""
        read = parse(mended.strip()) if mended.strip() else None
        row = None
        if isinstance(read, Value) and isinstance(read.value, dict):
            row = _row_id(read)
            read, mended = self._decided(row, read, mended, told)
            if mended:
                mended, value = self._row(mended, end, read, told)
                mended = self._copy(mended, value, told)
        elif read is not None:
            self.left_alone += 1
        self.counts.update(dict.fromkeys([name for name, _, _ in told], 1))
        self.changed += bool(told)
        self.dropped += not mended and bool(line)
        self.written += bool(mended)
        return mended, [Change(self.lines, row, name, *self._shown(name, one, other)) for name, one, other in told]

    def _decided(self, row: str, read: Value, line: bytes, told: list[tuple[str, bytes, bytes]]) -> tuple[Value, bytes]:
        """The row as people decided, and its line; empty bytes where it goes."""
        new = line if self.decisions is None else self.decisions.apply(row, line)
        if new == line:
            return read, line
        told.append(("decision", line, new))
        again = parse(new.strip()) if new else read
        return again if isinstance(again, Value) else read, new

    def _shown(self, name: str, before: bytes, after: bytes) -> tuple[str | None, str | None]:
        return _around(before, after) if self.counts[name] <= SHOWN else (None, None)

    def _step(self, kind: str, line: bytes, told: list[tuple[str, bytes, bytes]]) -> bytes:
        for each in self.by_kind[kind]:
            new = each.mend(line)
            if new is not None and new != line:
                told.append((each.id, line, new))
                line = new
        return line

    def _row(
        self, line: bytes, end: bytes, read: Value, told: list[tuple[str, bytes, bytes]]
    ) -> tuple[bytes, dict[str, Any]]:
        value: dict[str, Any] = read.value
        if "number-changed" in read.faults:  # what is not read exactly is not written again
            return line, value
        raw = line.decode("utf-8").removesuffix("\n")
        for each in self.by_kind["row"]:
            new = each.mend(value)
            if new is not None and new != value:
                after = spliced(raw, value, new)
                told.append((each.id, raw.encode(), after.encode()))
                raw, value = after, new
        return raw.encode("utf-8") + end, value

    def _copy(self, line: bytes, value: dict[str, Any], told: list[tuple[str, bytes, bytes]]) -> bytes:
        digest = hashlib.blake2b(written(value, sort_keys=True), digest_size=8).digest()
        if digest in self.seen:
            return self._step("copy", line, told)
        self.seen[digest] = self.lines
        return line


def _row_id(read: Value) -> str:
    """The toolkit's id of the row as it was, without the number of its copy."""
    value, canonical = read.value, read.canonical
    lineage = value.get("lineage")
    if isinstance(lineage, dict) and "source_kind" in lineage:
        canonical = written({k: v for k, v in value.items() if k != "lineage"}, sort_keys=True)
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()


def _around(before: bytes, after: bytes) -> tuple[str, str]:
    """The first place where two lines differ, with what stands around it; secrets and personal data masked."""
    at = next(
        (i for i in range(0, min(len(before), len(after)), REACH) if before[i:][:REACH] != after[i:][:REACH]), None
    )
    start = max(0, (at if at is not None else min(len(before), len(after))) - REACH)
    masked = [secrets.masked(each[start : start + 3 * REACH].decode("utf-8", "replace")) for each in (before, after)]
    if len({len(_MASK.findall(each)) for each in masked if each}) > 1:
        return HIDDEN, HIDDEN  # the repair makes a credential whole, or breaks one
    pairs = zip(*masked, strict=False)
    first = next((i for i, (one, other) in enumerate(pairs) if one != other), min(map(len, masked)))
    begin = max(0, first - AROUND)
    one, other = (each[begin : first + AROUND] for each in masked)
    return one, other if after else ""


def _put(files: list[IO[bytes]], line: bytes, mended: bytes, changes: list[Change], mender: _Mender) -> None:
    out, diff, listed = files
    out.write(mended)
    if mended != line:
        diff.write(_hunk(mender.lines, mender.written, line, mended))
    for change in changes:
        listed.write(json.dumps(change._asdict(), ensure_ascii=True).encode() + b"\n")


def _hunk(old: int, new: int, line: bytes, mended: bytes) -> bytes:
    """One line of the diff's story; `new` counts the lines written, this one among them where it stays."""
    head = f"@@ -{old} +{new} @@\n" if mended else f"@@ -{old} +{new},0 @@\n"
    return head.encode() + _signed(b"-", line) + (_signed(b"+", mended) if mended else b"")


def _signed(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n" + NO_END


def _trailer(diff: Path) -> tuple[str, str]:
    with diff.open("rb") as file:
        file.seek(max(0, diff.stat().st_size - 400))
        found = TRAILER.search(file.read())
    if found is None:
        raise InputError(
            f"{diff.name} is not a diff of toolkit fix", "undo needs the diff that was written beside the file"
        )
    return found.group(1).decode(), found.group(2).decode()


def _undone(fixed: Path, diff: Path) -> Iterator[bytes]:
    """The lines of the original."""
    at = 0
    with fixed.open("rb") as lines, diff.open("rb") as hunks:
        for head in hunks:
            found = _HUNK.match(head)
            if found is None:
                continue
            old = _unsigned(hunks)
            gone = found.group(4) == b"0"
            place = int(found.group(3)) if gone else int(found.group(3)) - 1
            while at < place:
                yield lines.readline()
                at += 1
            if not gone:
                _unsigned(hunks)
                lines.readline()
                at += 1
            yield old
        yield from lines


def _unsigned(hunks: IO[bytes]) -> bytes:
    """One line of a hunk without its sign, and without the end that its file does not have."""
    line = hunks.readline()[1:]
    here = hunks.tell()
    if hunks.readline() == NO_END:
        return line.removesuffix(b"\n")
    hunks.seek(here)
    return line
