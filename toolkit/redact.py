"""The rows that stay, with placeholders where personal data and credentials stood."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import parts, pii, secrets
from toolkit.core.errors import Skip, UsageError
from toolkit.core.pii import names
from toolkit.core.pii.placeholders import Find
from toolkit.core.pii.placeholders import redact as redact_row
from toolkit.core.pii.spans import Span, apart
from toolkit.core.policy import Policy, load_policy
from toolkit.decide import decide
from toolkit.findings import policy_of
from toolkit.store import streams
from toolkit.store.dataset import Dataset
from toolkit.store.folder import open_run
from toolkit.store.ledger import Ledger
from toolkit.write import one_line, whole_file

VERSION = 1


@dataclass(frozen=True)
class Redaction:
    """What was written. counts: values replaced by type, a value counted once in each row that holds it."""

    path: Path
    manifest: Path
    rows: int
    changed: int
    counts: dict[str, int]

    def __repr__(self) -> str:
        return f"<Redaction {self.path}: {self.rows:,} rows, {self.changed:,} changed>"


def redact(
    run: str | Path, out: str | Path, *, policy: Policy | Path | None = None, keep: Collection[str] = ()
) -> Redaction:
    """Write the rows that stay with `[EMAIL_1]`, `[CARD_1]` for what the policy counts as a finding.

    The same value has the same number within a row, in every string of it; keys and JSON numbers are
    left as they are. keep: types to leave, such as `url`. `<out>.manifest.json` holds counts by type,
    never a value. Names are replaced where the run looked for them. Raises UsageError, MachineError.
    """
    folder, target = open_run(run), Path(out)
    if target.resolve().is_relative_to(folder.path.resolve()):
        raise UsageError(f"{target} lies in the run folder, whose files are not to be changed", "name another file")
    with Ledger(folder.ledger, read_only=True) as ledger:
        rules = policy if isinstance(policy, Policy) else load_policy(policy) if policy else policy_of(ledger)
        rejected, people = decide(ledger, rules).rejected, _people(ledger)
    data = Dataset(folder.dataset)
    find = _finder(rules, frozenset(keep), people)
    counts: Counter[str] = Counter()
    n = changed = 0
    with whole_file(target) as file:
        for line, found in _lines(data, rejected, find, every=people is not None):
            file.write(line.encode("utf-8") + b"\n")
            n, changed = n + 1, changed + bool(found)
            counts.update(found)
    made = Redaction(target, target.with_name(f"{target.name}.manifest.json"), n, changed, dict(sorted(counts.items())))
    _describe(made, data, sorted(keep))
    return made


def _describe(made: Redaction, data: Dataset, kept_types: list[str]) -> None:
    told = {
        "version": VERSION,
        "dataset": data.manifest.digest,
        "rows": made.rows,
        "changed": made.changed,
        "counts": made.counts,
        "kept_types": kept_types,
        "sha256": streams.sha256(made.path),
    }
    with whole_file(made.manifest) as file:
        file.write((json.dumps(told, indent=1) + "\n").encode())


def _lines(data: Dataset, rejected: np.ndarray, find: Find, *, every: bool) -> Iterator[tuple[str, Counter[str]]]:
    """Each row that stays as one line of JSON, with what was replaced in it. every: open rows without a hint too."""
    first = f"{pii.FIRST}|{secrets.ANY}"
    text_of = _reader(data)
    for batch in data.batches(("raw", "format")):
        stays = batch.filter(pa.array(~np.isin(batch.column("row").to_numpy(), rejected, assume_unique=True)))
        hit = pc.match_substring_regex(stays.column("raw"), first).to_pylist()
        formats = stays.column("format").to_pylist()
        for raw, form, hinted in zip(stays.column("raw").to_pylist(), formats, hit, strict=True):
            if not (hinted or every):
                yield one_line(raw), Counter()
                continue
            done = redact_row(raw, text_of(form), find)
            yield one_line(done.raw), done.counts


def _reader(data: Dataset) -> Callable[[str], Callable[[str], str]]:
    """By a row's format, a function from its JSON to its text."""
    manifest = data.manifest
    columns = {name: manifest.options[name] for name in ("text", "label") if manifest.options.get(name)}
    known: dict[str, Any] = {}

    def reader(name: str) -> Callable[[str], str]:
        if name not in known:
            known[name] = parts.build("formats", name, columns if name == manifest.format else None)
        form = known[name]
        return lambda raw: "\n".join(turn.content or "" for turn in form.parse(orjson.loads(raw)).turns)

    return reader


def _finder(policy: Policy, keep: frozenset[str], people: names.Finder | None) -> Find:
    """What the policy counts: personal data and credentials of at least the score of their checks."""
    bar, secret_bar = policy.rule("pii").flag_at, policy.rule("secret").flag_at

    def find(text: str) -> list[Span]:
        found = [*pii.find(text), *(next(people([text])) if people and text else ())]
        found = [each for each in found if each.score >= bar]
        # A credential outweighs whatever its characters happen to look like.
        found += [Span(each.start, each.end, each.type, 1.0) for each in secrets.find(text) if each.score >= secret_bar]
        return [each for each in apart(found) if each.type not in keep]

    return find


def _people(ledger: Ledger) -> names.Finder | None:
    """What finds names, where the run looked for them."""
    for row in ledger.rows("""SELECT options FROM runs WHERE "check" = 'pii' AND status = 'ran'"""):
        options = json.loads(row["options"])
        if options["names"]:
            try:
                return names.finder(options["model"], options["language"])
            except Skip as reason:
                raise UsageError("the run was to find names, which cannot be looked for here", str(reason)) from reason
    return None
