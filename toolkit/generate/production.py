"""One run of a recipe in its folder: plan, ask, judge, write."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import BinaryIO

import orjson

from toolkit.core.errors import UsageError
from toolkit.core.gating import Refusal
from toolkit.core.request import Cell, Example, GeneratedRow, Seed
from toolkit.core.text import mask_numbers, normal_text
from toolkit.core.types import JSON
from toolkit.generate import gates, material, plan
from toolkit.generate.budget import Budget
from toolkit.generate.driver import Cooked, Driver
from toolkit.generate.engine import Engine, Limits
from toolkit.generate.knowledge import FREE, Stated
from toolkit.generate.looking import Looking
from toolkit.generate.loop import run
from toolkit.generate.losses import Losses
from toolkit.generate.prompts import unseeded
from toolkit.generate.recipe import Loaded
from toolkit.generate.result import PLAN, REJECTED, ROWS, SUMMARY, GenerateResult, LabelCapacity, capacities, waterfall
from toolkit.generate.review import Reviewed
from toolkit.generate.status import Pulse, Status
from toolkit.generate.stored import Stored
from toolkit.store.folder import ROOT, RunFolder, folder_error
from toolkit.store.journal import NAME as JOURNAL
from toolkit.store.journal import Header, Journal, events

Progress = Callable[[str, int, int], None]
Watch = Callable[[Cooked, Sequence[Refusal | None]], None]
Live = Callable[[Callable[[], Status]], None]
SHUN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe that is ready to run, its cells planned. Nothing was asked or written yet."""

    loaded: Loaded
    cells: tuple[plan.CellState, ...]
    folder: Path

    def capacities(self) -> list[LabelCapacity]:
        """What each label can give, where its provider knows."""
        return capacities(self.cells)

    @property
    def pilot_folder(self) -> Path:
        """Where trials of this recipe lie; a run of the very same recipe begins with what they have bought."""
        return self.folder / f"pilot-{self.loaded.digest()[:8]}"

    def run(self, *, fresh: bool = False, progress: Progress | None = None, live: Live | None = None) -> GenerateResult:
        """Make the rows; resumes what an earlier run in this folder began, unless `fresh`.

        live: called often, with a function that tells the state of the run.
        """
        with RunFolder(self.folder).locked():
            if not fresh:
                self._adopt()
            return _Run(self, fresh, progress, live=live).result()

    def rejudge(self, progress: Progress | None = None) -> GenerateResult:
        """Judge what the journal of this folder holds by this recipe, and ask for nothing.

        The recipe may have changed since; a run goes on with it. A conversation that needs a reply which
        was never bought, such as that of a new judge, is dead.
        """
        with RunFolder(self.folder).locked():
            return _Run(self, False, progress, stored=Stored.of(self.folder)).result()

    def pilot(self, rows: int, watch: Watch, progress: Progress | None = None) -> GenerateResult:
        """Make the first `rows` candidates of the plan in `pilot_folder`; `watch` sees each conversation judged."""
        prepared = replace(self, folder=self.pilot_folder)
        with RunFolder(prepared.folder).locked():
            return _Run(prepared, False, progress, rows, watch).result()

    def _adopt(self) -> None:
        bought, own = self.pilot_folder / JOURNAL, self.folder / JOURNAL
        if bought.is_file() and not own.exists():
            kept = [each for each in events(bought) if each["e"] not in ("verdict", "accepted")]
            _replace(own, b"".join(orjson.dumps(each) + b"\n" for each in kept))


def prepare(loaded: Loaded) -> Prepared:
    """Plan a recipe: quotas for every cell and what each can give."""
    rows, seed = loaded.file.target.rows, loaded.file.seed
    found = plan.cells(loaded.weights(), rows, seed, loaded.provider.capacity)
    folder = Path(loaded.file.out.dir) if loaded.file.out.dir else ROOT / loaded.name
    return Prepared(loaded, tuple(found), folder)


@dataclass
class _Run:
    """The state of one run between its start and its result."""

    prepared: Prepared
    fresh: bool
    progress: Progress | None
    pilot: int = 0
    watch: Watch | None = None
    stored: Stored | None = None
    live: Live | None = None
    refused: Counter[str] = field(default_factory=Counter)
    exact: set[bytes] = field(default_factory=set)
    masked: set[bytes] = field(default_factory=set)
    shunned: dict[Cell, list[str]] = field(default_factory=dict)
    personas: Counter[str] = field(default_factory=Counter)
    made: int = 0
    losses: Losses = field(default_factory=Losses)
    stated: Stated = field(default_factory=Stated)

    def __post_init__(self) -> None:
        self.loaded, self.folder = self.prepared.loaded, self.prepared.folder
        file = self.loaded.file
        self.plan = plan.Plan(
            [replace(state, refused=Counter()) for state in self.prepared.cells],
            per_call=self.loaded.per_call,
            max_candidates=self.loaded.max_candidates,
            seed=file.seed,
        )
        self.examples = _examples(self.loaded)
        avoid = {name: material.compared(material.read_rows(self.loaded.folder / name)) for name in file.avoid}
        self.gates = self.loaded.gates(self.loaded.context(avoid, Looking()))

    def result(self) -> GenerateResult:
        told = self._told()
        header = Header(str(told["digest"]), self.loaded.provider.model)
        journal = Journal(self.folder, header, fresh=self.fresh, rejudged=self.stored is not None)
        bare = unseeded(self.loaded)
        if bare:
            journal.notes.append(f"no seed row has the label {', '.join(bare)}: their prompts show no example")
        try:
            # Once the journal has agreed: a recipe that is turned away leaves no trace.
            _replace(self.folder / PLAN, orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
            driver = self._driver(journal)
            with ExitStack() as stack:
                self.accepted = stack.enter_context(_Lines(self.folder / ROWS))
                self.rejected = stack.enter_context(_Lines(self.folder / REJECTED))
                if self.live is not None:
                    self.pulse = Pulse(self.folder, told, self.plan, driver.engine)
                    driver.engine.watch = self._show
                if self.stored is None:
                    run(driver.drive(self._waves(), lambda cooked: self._take(cooked, driver, journal)))
                else:
                    self._again(self.stored, driver, journal)
            return self._summary(driver, journal)
        except OSError as failure:
            raise folder_error(self.folder, failure) from failure
        finally:
            journal.close()

    def _again(self, stored: Stored, driver: Driver, journal: Journal) -> None:
        for wave in stored.waves(self.plan):
            for seed in wave:
                shown = replace(seed, examples=self._shown(seed))
                self._judge(stored.cook(driver.recipe, shown, driver.engine.bound, journal.reply_to), journal)
        if self.plan.accepted < self.plan.target:
            self.plan.stopped.append("nothing more was bought; `toolkit generate` goes on by this recipe")

    def _told(self) -> dict[str, JSON]:
        """What another terminal needs to know of this run: `status` and `rejudge` read it."""
        loaded, file = self.loaded, self.loaded.file
        return {
            "recipe": str(loaded.path.resolve()) if loaded.path else None,
            "name": loaded.name,
            "digest": loaded.digest(),
            "target": self.plan.target,
            "seed": file.seed,
            "budget": {"usd": file.budget.usd, "tokens": file.budget.tokens, "requests": file.budget.requests},
            "cells": [{"cell": state.cell.values(), "planned": state.planned} for state in self.plan.cells.values()],
        }

    def _driver(self, journal: Journal) -> Driver:
        told, budget = self.loaded.file.model, self.loaded.file.budget
        limits = Limits(told.concurrency, told.deadline_s, told.attempts, requests=budget.requests, batch=told.batch)
        engine = Engine(journal, Budget(budget.usd, budget.tokens), limits)
        engine.add(self.loaded.provider, params=dict(told.params), price=budget.price or told.price)
        for name, (provider, choice) in self.loaded.others().items():
            engine.add(
                provider, to=name, params=dict(choice.params), price=choice.price, concurrency=choice.concurrency
            )
        recipe = Reviewed(self.loaded.recipe, self.gates, self.loaded.file.strategy.repair)
        return Driver(recipe, engine)

    def _waves(self) -> Iterator[list[Seed]]:
        left = self.pilot
        for wave in self.plan.waves():
            seeds = _first(wave, left) if self.pilot else wave
            yield [replace(seed, examples=self._shown(seed), shun=self._shun(seed)) for seed in seeds]
            left -= sum(seed.rows for seed in seeds)
            if self.pilot and left <= 0:
                return

    def _shown(self, seed: Seed) -> tuple[Example, ...]:
        """The user's rows that a request shows, drawn by the request's own place in the plan."""
        told = self.loaded.file.seeds
        own = self.examples.get(seed.cell.label) or self.examples.get("", [])
        provider = self.loaded.provider
        if not own or told is None or not (provider.reads_prompt or getattr(provider, "reads_examples", False)):
            return ()
        rng = Random(f"{self.loaded.file.seed}|{seed.cell.name}|{seed.sample}")  # noqa: S311 - no secret is made
        return tuple(rng.sample(own, min(told.shown, len(own))))

    def _shun(self, seed: Seed) -> tuple[str, ...]:
        """The last texts of this cell that were refused as duplicates: what the model likes to repeat."""
        most = self.loaded.file.strategy.shun
        if not most or not self.loaded.provider.reads_prompt:
            return ()
        return tuple(self.shunned.get(seed.cell, [])[-most:])

    def _take(self, cooked: Cooked, driver: Driver, journal: Journal) -> None:
        """Judge what came, and send nothing more where nothing good comes of it."""
        self._judge(cooked, journal)
        if not self.pilot and self.plan.barren:
            driver.engine.drain(self.plan.barren)

    def _judge(self, cooked: Cooked, journal: Journal) -> None:
        """Count every row that was asked for exactly once: accepted, refused with a reason, or dead."""
        cell, refused, accepted = cooked.seed.cell, Counter[str](), 0
        verdicts: list[Refusal | None] = []
        lost = max(0, cooked.seed.rows - len(cooked.rows))
        if lost:
            reason = cooked.dead or f"the reply held {len(cooked.rows)} of {cooked.seed.rows} rows"
            self.rejected.write({"gate": plan.DEAD, "rows": lost, "reason": reason, "raw": cooked.raw})
            refused[plan.DEAD] = lost
            self.losses.add(plan.DEAD, f"{reason}; it begins: {cooked.raw[:60]}" if cooked.raw else reason, lost)
        for nth, row in enumerate(cooked.rows):
            self._count(row)
            full = self.plan.cells[cell].missing - accepted <= 0
            refusal = gates.judge(self.gates, row, cell) or (_SURPLUS if full else None)
            verdicts.append(refusal)
            if refusal is None:
                accepted += 1
                self._accept(cooked, row, nth, journal)
            else:
                refused[refusal.gate] += 1
                self.losses.add(*refusal)
                self._remember(refusal.gate, cell, row.text)
                journal.refused(cooked.key, nth, refusal.gate, refusal.reason)
                lineage = self._lineage(cooked, row)
                self.rejected.write({**refusal._asdict(), "row": dict(row.fields), "lineage": lineage})
        self.refused.update(refused)
        self.plan.take(cell, refused, accepted)
        if self.watch is not None:
            self.watch(cooked, verdicts)
        if self.progress is not None:
            self.progress("accepted", self.plan.accepted, self.plan.target)
        self._show()

    def _show(self) -> None:
        if self.live is not None:
            self.live(self.pulse.status)

    def _remember(self, gate: str, cell: Cell, text: str) -> None:
        told = self.shunned.setdefault(cell, [])
        if gate == "dedupe" and text[:SHUN_CHARS] not in told:
            told.append(text[:SHUN_CHARS])

    def _accept(self, cooked: Cooked, row: GeneratedRow, nth: int, journal: Journal) -> None:
        for gate in self.gates:
            gate.guard.keep(row)
        self.personas[str(row.lineage.get("persona", ""))] += 1
        if self.loaded.file.task in FREE:
            self.stated.take(row.fields)
        journal.accepted(cooked.key, nth)
        self.accepted.write({**row.fields, "lineage": self._lineage(cooked, row)})

    def _lineage(self, cooked: Cooked, row: GeneratedRow) -> dict[str, JSON]:
        provider = self.loaded.provider
        found: dict[str, JSON] = {
            "source_kind": provider.source_kind,
            "recipe": self.loaded.name,
            "provider": provider.id,
            "model": self.model,
            "prompt_sha256": cooked.prompt_sha256,
            "request": cooked.key[:16],
            "cell": dict(cooked.seed.cell.values()),
            "licence": self.loaded.file.licence,
            **row.lineage,
        }
        return {key: value for key, value in found.items() if value is not None}

    def _count(self, row: GeneratedRow) -> None:
        self.made += 1
        normal = normal_text(row.text)
        self.exact.add(_short(normal))
        self.masked.add(_short(mask_numbers(normal)))

    def _summary(self, driver: Driver, journal: Journal) -> GenerateResult:
        stopped = driver.engine.stopped
        stops = [stopped, *self.plan.stopped] if stopped else self.plan.stops
        candidates = sum(state.candidates for state in self.plan.cells.values())
        found = GenerateResult(
            folder=self.folder,
            name=self.loaded.name,
            provider=self.loaded.provider.id,
            model=self.model,
            source_kind=self.loaded.provider.source_kind,
            target=self.plan.target,
            accepted=self.plan.accepted,
            rejected=self.refused.total() - self.refused[plan.DEAD],
            dead=self.refused[plan.DEAD],
            stops=tuple(stops),
            waterfall=waterfall([*(gate.id for gate in self.gates), plan.SURPLUS], self.refused, candidates),
            cells=tuple(self.plan.cells.values()),
            unique=len(self.exact) / self.made if self.made else 0.0,
            unique_masked=len(self.masked) / self.made if self.made else 0.0,
            requests=journal.state.sent,
            usage=journal.state.usage,
            cost_usd=driver.engine.cost_usd(),
            saved_usd=driver.engine.saved_usd(),
            personas={name: self.personas[name] for name in self.loaded.file.strategy.personas},
            notes=(*journal.notes, *self.stated.said(ROWS)),
            losses=self.losses.commonest(),
            files={ROWS: self.accepted.digest.hexdigest(), REJECTED: self.rejected.digest.hexdigest()},
        )
        summary = orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2) + b"\n"
        _replace(self.folder / SUMMARY, summary)
        return found

    @property
    def model(self) -> str:
        if not hasattr(self, "_model"):
            self._model = self.loaded.provider.model
        return self._model


_SURPLUS = Refusal(plan.SURPLUS, "its cell was full already")


class _Lines:
    """JSON lines that take the place of a file when all are written: a killed run leaves the old file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self.digest = hashlib.sha256()

    def __enter__(self) -> _Lines:
        self.file: BinaryIO = self.part.open("wb")
        return self

    def write(self, row: Mapping[str, object]) -> None:
        line = orjson.dumps(row) + b"\n"
        self.digest.update(line)
        self.file.write(line)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.file.close()
        if kind is None:
            self.part.replace(self.path)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _examples(loaded: Loaded) -> dict[str, list[Example]]:
    """The user's rows by label; those without one under an empty name. Raises UsageError for an unknown label."""
    found: dict[str, list[Example]] = {}
    for each in loaded.rows():
        if each.label is not None and each.label not in loaded.file.labels:
            known = ", ".join(loaded.file.labels)
            path = loaded.file.seeds.path if loaded.file.seeds else ""
            raise UsageError(f"a seed in {path} has the label '{each.label}'", f"labels of the recipe: {known}")
        found.setdefault(each.label or "", []).append(each)
    return found


def _first(wave: list[Seed], rows: int) -> list[Seed]:
    """As many requests from the start of a wave as ask for `rows` rows; whole ones, so that they serve a run too."""
    kept: list[Seed] = []
    for seed in wave:
        if sum(each.rows for each in kept) >= rows:
            break
        kept.append(seed)
    return kept


def _short(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
