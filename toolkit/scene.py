"""What the checks of one stage are given, and how they are run: once for each input, options and version.

A check that raises is a failed run with its reason; the others go on. A check whose digest (its id,
version and options, and the bytes of every input) is in the ledger already is not run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import secrets
from toolkit.look import Look, collect, look
from toolkit.read import Progress
from toolkit.store.dataset import Dataset
from toolkit.store.ledger import Ledger, Run
from toolkit.store.view import Encode, View

EXCERPTS = 200


@dataclass(frozen=True)
class Scene:
    """What the checks of one stage are given: rows in scope, references, the encoder, what they share."""

    data: Dataset
    references: tuple[tuple[str, Dataset, np.ndarray | None], ...] = ()
    encode: Encode | None = None
    keep: np.ndarray | None = None
    memo: dict[Any, Any] = field(default_factory=dict)
    progress: Progress | None = None
    usage: Dataset | None = None

    def keeping(self, keep: np.ndarray) -> Scene:
        return Scene(self.data, self.references, self.encode, keep, self.memo, self.progress, self.usage)

    def view(self, reads: tuple[str, ...]) -> View:
        """The view of a check that declares `reads`."""
        others = tuple(
            View(data, reads, keep, name=name, encode=self.encode, memo=self.memo)
            for name, data, keep in self.references
        )
        used = View(self.usage, reads, name="usage", encode=self.encode, memo=self.memo) if self.usage else None
        return View(self.data, reads, self.keep, others, encode=self.encode, memo=self.memo, usage=used)

    def digest(self, check: Any) -> list[Any]:
        """What a check's result depends on besides the check itself: as little as it can, so that little is redone."""
        told: list[Any] = [self.data.manifest.digest, _ordinals(self.keep)]
        if check.scope in ("references", "split") or getattr(check, "compares_usage", False):
            told += [[name, data.manifest.digest, _ordinals(keep)] for name, data, keep in self.references]
        if getattr(check, "compares_usage", False):
            told.append(self.usage.manifest.digest if self.usage else None)
        return [*told, getattr(self.encode, "identity", None)] if getattr(check, "embeds", False) else told


def run_checks(ledger: Ledger, checks: Sequence[Any], scene: Scene, scope: str) -> None:
    """Run those checks that the ledger does not have yet: row by row in one shared pass, then the others."""
    todo = [each for each in checks if ledger.digest_of(each.id, scope) != _digest(each, scene)]
    shared = [each for each in todo if hasattr(each, "look")]
    if shared:
        _run_shared(ledger, shared, scene, scope)
    for each in todo:
        if hasattr(each, "look"):
            continue
        view = scene.view(each.reads)
        if scene.progress is not None:
            scene.progress(each.id, 0, 0)
        _write(ledger, each, scene, scope, collect(lambda each=each, view=view: list(each.run(view))))  # type: ignore[misc]


def _run_shared(ledger: Ledger, checks: list[Any], scene: Scene, scope: str) -> None:
    """One pass over the rows for all checks that look at a row at a time."""
    view = scene.view(tuple(dict.fromkeys(name for each in checks for name in each.reads)))
    told = scene.progress
    looks = look(checks, view, lambda done: told("look", done, view.n_rows) if told is not None else None)
    for each in checks:
        _write(ledger, each, scene, scope, looks[each.id])


def _write(ledger: Ledger, check: Any, scene: Scene, scope: str, seen: Look) -> None:
    view = scene.view(check.reads)
    total = view.n_rows + (view.manifest.rejects if "rejects" in check.reads else 0)
    if getattr(check, "whole", False):  # it looks at the other parts of the split too
        total += sum(other.n_rows for other in view.references)
    if seen.status == "ran" and getattr(check, "embeds", False):
        ledger.set_meta("encoder", str(getattr(scene.encode, "identity", "unnamed")))
    run = Run(
        check=check.id,
        code=check.code,
        scope=scope,
        version=check.version,
        digest=_digest(check, scene),
        options=json.dumps(asdict(check), default=str, sort_keys=True),
        status=seen.status,
        reason=seen.reason,
        seen=total if seen.status == "ran" else 0,
        total=total,
        seconds=seen.seconds,
    )
    ledger.write(run, seen.results)


def _digest(check: Any, scene: Scene) -> str:
    told = [check.id, check.version, asdict(check), scene.digest(check)]
    if hasattr(check, "inputs"):  # files that its options name
        told.append(check.inputs())
    return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()


def _ordinals(keep: np.ndarray | None) -> str | None:
    return None if keep is None else hashlib.sha256(keep.astype(np.int64).tobytes()).hexdigest()


def name_findings(ledger: Ledger, frozen: Dataset, scopes: Sequence[str] = ("input", "kept")) -> None:
    """Give findings the names of their rows and, for the first of each check, an excerpt.

    scopes: whose findings; those of a split may be about rows of another data set.
    """
    names = [batch.select(["row", "ref"]) for batch in frozen.batches(("ref",))]
    table = (
        pa.Table.from_batches(names)
        if names
        else pa.table({"row": pa.array([], pa.int64()), "ref": pa.array([], pa.string())})
    )
    ledger.name_rows(pa.concat_tables([table, frozen.rejects().select(["row", "ref"])]), scopes)
    wanted = ledger.query(
        f"""SELECT DISTINCT "row" FROM
        (SELECT "row", row_number() OVER (PARTITION BY run, kind ORDER BY score DESC, "row") AS place
         FROM findings JOIN runs USING (run) WHERE "row" IS NOT NULL AND excerpt IS NULL AND list_contains(?, scope))
        WHERE place <= {EXCERPTS} ORDER BY 1""",
        [list(scopes)],
    )
    ledger.set_excerpts(_excerpts(frozen, wanted.column("row")), scopes)


def _excerpts(frozen: Dataset, wanted: pa.ChunkedArray) -> pa.Table:
    rows: list[int] = []
    texts: list[str] = []
    chosen = wanted.combine_chunks()
    for batch in frozen.batches(("body", "label")) if len(chosen) else ():
        found = batch.filter(pc.is_in(batch.column("row"), value_set=chosen))
        rows += found.column("row").to_pylist()
        shorter = pc.utf8_slice_codeunits(found.column("body"), 0, 2000).to_pylist()
        texts += [secrets.excerpt(text or "") for text in shorter]
    return pa.table({"row": pa.array(rows, pa.int64()), "excerpt": pa.array(texts, pa.string())})
