"""Known defects planted into a copy of the user's rows, and how many of them the checks find.

The copy is a sample of the rows that stay; a tenth of it is held back as the reference that leaks are
planted from. The checks run twice, on the copy as it is and on the planted one: what they flag in the
first is no news in the second.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from toolkit.checks.self_test import SelfTest
from toolkit.core import parts
from toolkit.core.errors import NotApplicable, UsageError
from toolkit.core.planting import Around, Way, row_of
from toolkit.core.policy import Policy
from toolkit.read import ReadOptions, read
from toolkit.scene import Scene, run_checks
from toolkit.store.dataset import Dataset
from toolkit.store.ledger import Ledger
from toolkit.store.view import View
from toolkit.write import one_line

HELD = 0.1
MOST_HELD = 200
LOOKS = 300
FEWEST = 10
ROUNDS = 8
SPOILED = 0.5
OTHERS = 0.2
SCOPES = ("input", "references", "kept")


class Mark(NamedTuple):
    """One planted defect: the check that it tests, the way, and the ordinals of the rows that it concerns."""

    check: str
    way: str
    rows: tuple[int, ...]


class Sown(NamedTuple):
    """One way of one defect."""

    name: str
    way: Way


def prepare(checks: Sequence[Any], scene: Scene, rules: Policy) -> list[Any]:
    """The checks with the self-test switched on, and in the scene's memo what it calls to measure them."""
    tested = [each for each in checks if each.scope in SCOPES and each.id != SelfTest.id]
    told = [[each.id, each.version, asdict(each), rules.rule(each.id).model_dump()] for each in tested]
    told.append([[name, sorted(found().ways())] for name, found in parts.parts("defects").items()])
    told.append([getattr(scene.encode, "identity", None)])
    digest = hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()
    scene.memo["self-test"] = partial(_measure, checks=tested, scene=scene, rules=rules)
    return [replace(each, asked=digest[:16]) if each.id == SelfTest.id else each for each in checks]


def _measure(view: View, test: SelfTest, *, checks: Sequence[Any], scene: Scene, rules: Policy) -> dict[str, Any]:
    """Counts for the check `self-test`: planted and found by check and way, false alarms, checks not tested."""
    shelf = _by_check(checks)
    chosen = [each for each in checks if each.id in shelf]
    rng = Random(test.seed)  # noqa: S311 - no secret is made
    with tempfile.TemporaryDirectory(prefix="toolkit-") as folder:
        bench = _Bench(Path(folder), *_sampled(view, test, rng), _options(view), chosen, scene, rules)
        base = bench.flagged("base", bench.lines)
        if len(bench.rows) < FEWEST:
            raise NotApplicable(f"{len(bench.rows)} rows are too few to plant into; {FEWEST} at least are needed")
        shelf = {check: ways for check, ways in shelf.items() if check in base}
        tally = _Tally()
        for nth in range(ROUNDS):
            wanted = {check: test.plantings - tally.count(check) for check in shelf}
            planter = _Planter(bench, base, Random(f"{test.seed}|{nth}"))  # noqa: S311
            lines = planter.plant(shelf, {check: n for check, n in wanted.items() if n > 0})
            if not planter.marks:
                break
            tally.take(planter.marks, bench.flagged(f"planted-{nth}", lines), base)
    return tally.counts(checks, shelf, set(_by_check(checks)) - set(base))


def _by_check(checks: Sequence[Any]) -> dict[str, list[Sown]]:
    """The ways to test each check that is there, by its id."""
    ids = {each.id: each.id for each in checks} | {each.code: each.id for each in checks}
    found: dict[str, list[Sown]] = defaultdict(list)
    for defect in parts.parts("defects").values():
        if defect.tests in ids:
            found[ids[defect.tests]] += [Sown(name, way) for name, way in defect().ways().items()]
    return dict(found)


def _options(view: View) -> ReadOptions:
    """The options with which the copy is read: those of the file, its format said aloud."""
    told = dict(view.manifest.options)
    known = {name: value for name, value in told.items() if name in ReadOptions.__dataclass_fields__}
    form = "" if view.manifest.format == "unknown" else view.manifest.format
    return ReadOptions(**{**known, "format": form, "delimiter": ""})


def _sampled(view: View, test: SelfTest, rng: Random) -> tuple[list[str], list[str]]:
    """The JSON texts of the rows of the copy in the order of the file, and of those held back.

    They are drawn from the rows that stay; from all where next to none does.
    """
    ordinals = view.keep if view.keep is not None and len(view.keep) >= FEWEST else _ordinals(view.data)
    n_held = min(MOST_HELD, int(HELD * len(ordinals)))
    chosen = rng.sample(range(len(ordinals)), min(test.rows + n_held, len(ordinals)))
    keep = np.sort(ordinals[np.array(chosen, np.int64)]) if chosen else ordinals[:0]
    held = set(rng.sample(range(len(keep)), min(n_held, len(keep))))
    raws = View(view.data, ("raw",), keep).table("raw").column("raw").to_pylist()
    return [raw for at, raw in enumerate(raws) if at not in held], [raws[at] for at in sorted(held)]


def _ordinals(data: Dataset) -> np.ndarray:
    found = [batch.column("row").to_numpy() for batch in data.batches(())]
    return np.concatenate(found) if found else np.empty(0, np.int64)


Flagged = Mapping[str, set[tuple[int, int]]]
"""By check the flagged rows, each with the other row of its finding, -1 where there is none."""


class _Bench:
    """The sample as lines and as rows, and how checks are run on lines."""

    def __init__(
        self,
        folder: Path,
        raws: list[str],
        held: list[str],
        options: ReadOptions,
        checks: Sequence[Any],
        scene: Scene,
        rules: Policy,
    ) -> None:
        self.folder, self.options, self.checks, self.scene, self.rules = folder, options, checks, scene, rules
        self.lines = [one_line(raw).encode() for raw in raws]
        columns = {name: value for name in ("text", "label") if (value := getattr(options, name))}
        form = parts.build("formats", options.format or "unknown", columns)
        self.rows = [row_of(raw, form) for raw in raws]
        self.held = [row for raw in held if (row := row_of(raw, form)) is not None]
        self.reference = self._read("held", [one_line(raw).encode() for raw in held])

    def _read(self, name: str, lines: Sequence[bytes]) -> Dataset:
        file = self.folder / f"{name}.jsonl"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        return read(file, self.folder / name, self.options)

    def flagged(self, name: str, lines: Sequence[bytes]) -> Flagged:
        """What the checks that can look flag by the bars of the policy."""
        data = self._read(name, lines)
        references = (("rows held back", self.reference, None),) if self.held else ()
        scene = Scene(data, references, self.scene.encode, progress=self.scene.progress)
        found: dict[str, set[tuple[int, int]]] = {}
        with Ledger(self.folder / f"{name}.duckdb") as ledger:
            run_checks(ledger, self.checks, scene, "input")
            ran = {each["check"] for each in ledger.rows("""SELECT "check" FROM runs WHERE status = 'ran'""")}
            for check in sorted(ran):
                found[check] = set(self._flags(ledger, check))
        return found

    def _flags(self, ledger: Ledger, check: str) -> Iterator[tuple[int, int]]:
        rule = self.rules.rule(check)
        silent = [name for name, kind in rule.kinds.items() if not kind.flag]
        sql = """SELECT DISTINCT f."row", coalesce(f.other, -1) AS other FROM findings f JOIN runs USING (run)
                 WHERE runs."check" = ? AND f."row" IS NOT NULL AND f.score >= ? AND NOT list_contains(?, f.kind)"""
        for each in ledger.rows(sql, [check, rule.flag_at, silent]):
            yield each["row"], each["other"]


class _Planter:
    """Plants defects into rows, each row at most once, and only where the check that it tests flagged nothing."""

    def __init__(self, bench: _Bench, base: Flagged, rng: Random) -> None:
        self.bench, self.rng = bench, rng
        self.dirty = {check: {row for pair in pairs for row in pair} for check, pairs in base.items()}
        # The first lines tell the reader what the file is, so one of them stays; so do those that others copy from.
        pool = [at for at, row in enumerate(bench.rows) if at > 0 and row is not None]
        rng.shuffle(pool)
        own = max(1, int(OTHERS * len(pool))) if pool else 0
        self.pool = pool[own:]
        others = [row for at in pool[:own] if (row := bench.rows[at]) is not None]
        self.around = Around(rng, others, bench.held)
        self.lines = list(bench.lines)
        self.marks: list[Mark] = []
        self.left = max(1, int(SPOILED * len(self.pool))) if self.pool else 0

    def plant(self, shelf: Mapping[str, Sequence[Sown]], wanted: Mapping[str, int]) -> list[bytes]:
        """The lines with defects: one of each check in turn, until all have enough or half of the rows are spoiled."""
        missing, barren = dict(wanted), set[tuple[str, str]]()
        turns: Counter[str] = Counter()
        while self.left > 0 and missing:
            for check in self.rng.sample(sorted(missing), len(missing)):
                ways = [each for each in shelf[check] if (check, each.name) not in barren]
                if not ways or missing[check] <= 0:
                    del missing[check]
                    continue
                sown = ways[turns[check] % len(ways)]
                if self.left > 0 and self._one(check, sown):
                    turns[check] += 1
                    missing[check] -= 1
                else:
                    barren.add((check, sown.name))
        return self.lines

    def _one(self, check: str, sown: Sown) -> bool:
        """Spoil the first row of the pool that the way suits."""
        for place, at in enumerate(self.pool[:LOOKS]):
            row = self.bench.rows[at] if at not in self.dirty[check] else None
            try:
                spoiled = sown.way(row, self.around) if row is not None else None
            except Exception as failure:
                what = f"the defect '{sown.name}' of {check} cannot be planted: {type(failure).__name__}: {failure}"
                raise UsageError(what, "mend its `ways`, or leave --with away") from failure
            if spoiled is None or spoiled.line == self.bench.lines[at]:
                continue
            del self.pool[place]
            self._put(Mark(check, sown.name, (at,)), spoiled.line, adds=spoiled.adds)
            return True
        return False

    def _put(self, mark: Mark, line: bytes, *, adds: bool) -> None:
        if adds:
            mark = mark._replace(rows=(*mark.rows, len(self.lines)))
            self.lines.append(line)
        else:
            self.lines[mark.rows[0]] = line
        self.marks.append(mark)
        self.left -= 1


@dataclass
class _Tally:
    """Planted and found over the rounds."""

    ways: dict[str, dict[str, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    false: Counter[str] = field(default_factory=Counter)

    def count(self, check: str) -> int:
        return sum(planted for planted, _ in self.ways[check].values()) if check in self.ways else 0

    def take(self, marks: Sequence[Mark], flagged: Flagged, base: Flagged) -> None:
        """Count one round: a mark is found where its check flags one of its rows."""
        touched = {row for mark in marks for row in mark.rows}
        hit = {check: {row for pair in pairs for row in pair} for check, pairs in flagged.items()}
        for mark in marks:
            counts = self.ways[mark.check].setdefault(mark.way, [0, 0])
            counts[0] += 1
            counts[1] += any(row in hit.get(mark.check, ()) for row in mark.rows)
        for check, pairs in flagged.items():
            if check not in base:
                continue
            before = {row for row, _ in base.get(check, ())}
            news = {row for row, other in pairs if row not in touched and other not in touched and row not in before}
            self.false[check] += len(news)

    def counts(self, checks: Sequence[Any], shelf: Mapping[str, Sequence[Sown]], blind: set[str]) -> dict[str, Any]:
        """blind: checks with defects of their own that could not look at the copy."""
        untested = {}
        for each in checks:
            if each.id in blind:
                untested[each.id] = "it could not look at the copy"
            elif each.id not in shelf:
                untested[each.id] = "no part of the shelf `defects` tests it"
            elif not self.count(each.id):
                untested[each.id] = "its defects suit none of these rows"
        planted = {check: {way: tuple(n) for way, n in ways.items()} for check, ways in self.ways.items() if ways}
        return {"planted": planted, "false": dict(self.false), "untested": untested}
