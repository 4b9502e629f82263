"""F01: what the provider that the rows are for would reject."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
import pyarrow as pa

from toolkit.core import parts
from toolkit.core.errors import NotApplicable, UsageError
from toolkit.core.types import Finding, Result
from toolkit.outbound import lengths
from toolkit.outbound.example import SHAPES, Example, Unfit, example
from toolkit.outbound.profile import load_profile, path_of
from toolkit.outbound.rules import Broken, File, Row, Watch
from toolkit.store.view import View

UNASKED = "no provider was named: toolkit verify DATA --for openai"


@dataclass(frozen=True, slots=True)
class ProviderProfile:
    """A provider refuses a whole file for one row: a role, a column, a word or a length that it does not take.

    Each row is made into a row of the target and held against the provider's profile, a dated page of
    rules with their sources (`schemas/profiles/`, or your own with `profile`). Found, under the rule's own
    name: rows that the provider rejects or the target cannot hold; files with too few or too many rows;
    and, as `advice-...`, what it only warns of. `toolkit export --to` refuses the same rows.

    Method: the rules of the profile, row by row. Tokens are counted by `model`'s tokenizer, or estimated,
    and then a long row is advice. Missed: rules that a provider has not written down or has changed since
    the profile's date, sizes of files, and held-out rows, which `toolkit export` looks at.

    target: a part of the shelf `targets` with a profile.
    """

    id: ClassVar[str] = "provider-profile"
    code: ClassVar[str] = "F01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = ("format", "raw")

    target: str = ""
    profile: str = ""
    model: str = ""

    def inputs(self) -> list[str]:
        """What the result depends on besides the rows: the rules as they are now."""
        name = self.profile or (parts.part("targets", self.target).profile if self.target else "")
        return [hashlib.sha256(path_of(name).read_bytes()).hexdigest()] if name else []

    def run(self, view: View) -> Iterator[Result]:
        if not self.target:
            raise NotApplicable(UNASKED)
        target = parts.build("targets", self.target)
        name = self.profile or target.profile
        if not name:
            raise NotApplicable(f"{self.target} is no provider: it has no rules of its own")
        shape = SHAPES.get(view.manifest.format, "")
        if shape not in target.takes:
            what = f"{self.target} cannot hold {view.manifest.format} rows"
            yield Finding(None, 1.0, what, kind="shape")
            return
        watch = Watch(load_profile(name), target.takes[shape], bool(self.model))
        options = view.manifest.options
        columns = {key: options[key] for key in ("text", "label") if options.get(key)}
        readers = {name: found() for name, found in parts.parts("formats").items()}
        readers[view.manifest.format] = parts.build("formats", view.manifest.format, columns)
        for batch in view.batches(*self.reads):
            yield from self._rows(batch, target, watch, readers)
        for each in watch.files([File("train.jsonl", "train", view.n_rows, 0)]):
            yield _finding(None, each)

    def _rows(self, batch: pa.RecordBatch, target: Any, watch: Watch, readers: Mapping[str, Any]) -> Iterator[Finding]:
        columns = (batch.column("row"), batch.column("format"), batch.column("raw"))
        for row, name, raw in zip(*(column.to_pylist() for column in columns), strict=True):
            try:
                found = example(orjson.loads(raw), readers[name])
                if found.shape not in target.takes:
                    raise Unfit("mixed-shapes", f"it is a {name} row")
                written = target.convert(found, watch.mode)
            except Unfit as failure:
                yield _finding(row, Broken(failure.rule, failure.words, True))
                continue
            tokens = self._tokens(found) if watch.counts_tokens else 0
            for each in watch.row(Row(found, written, tokens)):
                yield _finding(row, each)

    def _tokens(self, found: Example) -> int:
        return sum(lengths.count(lengths.contents(found.messages), self.model))


def _finding(row: int | None, broken: Broken) -> Finding:
    kind = broken.id if broken.refuse else f"advice-{broken.id}"
    return Finding(row, 1.0, f"{'the provider rejects' if broken.refuse else 'not advised'}: {broken.words}", kind=kind)


def of(target: str, profile: str = "") -> ProviderProfile:
    """The check for a target that the user named. Raises UsageError for one that there is not or that has no rules."""
    found = parts.part("targets", target)
    if not found.profile and not profile:
        able = sorted(name for name, each in parts.parts("targets").items() if each.profile)
        raise UsageError(f"{target} is no provider: it has no rules of its own", f"one of: {', '.join(able)}")
    return ProviderProfile(target, profile)
