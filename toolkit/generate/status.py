"""How far a run is, read from its folder while another process writes it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.core.request import Cell
from toolkit.core.types import JSON
from toolkit.generate.engine import Engine
from toolkit.generate.loading import load
from toolkit.generate.plan import Plan
from toolkit.generate.recipe import Loaded
from toolkit.generate.result import PLAN, SUMMARY
from toolkit.store.folder import ROOT, is_held
from toolkit.store.journal import NAME, State, events

RECENT_S = 60.0
SILENT_S = 2.0
"""A failure among replies is no news; one that nothing has followed for so long is what a run waits for."""


@dataclass(frozen=True, slots=True)
class CellStatus:
    cell: str
    planned: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Status:
    """A run as its journal tells it. running: another process holds the folder.

    refused: rows by the gate that refused them. in_flight: requests that were sent and not answered. spent_usd:
    with what may have been lost. per_minute: accepted rows over the last minute of the journal, or None
    before there are two of them; left_s: seconds at that pace, of a run that goes on. failure: what the last
    request failed for, empty once one was answered.
    """

    folder: Path
    name: str
    running: bool
    target: int
    accepted: int
    refused: Mapping[str, int]
    cells: tuple[CellStatus, ...]
    requests: int
    in_flight: int
    spent_usd: float
    tokens: int
    budget: Mapping[str, JSON] = field(default_factory=dict)
    per_minute: float | None = None
    failure: str = ""

    @property
    def left_s(self) -> float | None:
        if not self.per_minute or not self.running:
            return None
        return 60.0 * max(0, self.target - self.accepted) / self.per_minute

    def as_json(self) -> dict[str, JSON]:
        return {
            "run": str(self.folder),
            "recipe": self.name,
            "running": self.running,
            "target": self.target,
            "accepted": self.accepted,
            "refused": dict(self.refused),
            "cells": [{"cell": each.cell, "planned": each.planned, "accepted": each.accepted} for each in self.cells],
            "requests": self.requests,
            "in_flight": self.in_flight,
            "spent_usd": round(self.spent_usd, 6),
            "tokens": self.tokens,
            "budget": dict(self.budget),
            "accepted_per_minute": self.per_minute,
            "left_s": self.left_s,
            "last_failure": self.failure or None,
        }


@dataclass(slots=True)
class Pulse:
    """The state of a run in this process, without its journal. told: what `plan.json` holds."""

    folder: Path
    told: Mapping[str, Any]
    plan: Plan
    engine: Engine
    seen: deque[tuple[float, int]] = field(default_factory=deque)
    before: int = -1

    def status(self) -> Status:
        state, cells = self.engine.journal.state, self.plan.cells.values()
        refused: Counter[str] = sum((each.refused for each in cells), Counter())
        spent = state.paid.plus(state.lost)
        return Status(
            folder=self.folder,
            name=self.told["name"],
            running=True,
            target=self.plan.target,
            accepted=self.plan.accepted,
            refused=dict(refused.most_common()),
            cells=tuple(CellStatus(each.cell.name, each.quota, each.accepted) for each in cells),
            requests=state.sent,
            in_flight=len(state.in_flight),
            spent_usd=spent.usd,
            tokens=spent.tokens,
            budget={name: cap for name, cap in self.told["budget"].items() if cap is not None},
            per_minute=self._pace(state.sent),
            failure=state.failure if self.engine.silent_s() > SILENT_S else "",
        )

    def _pace(self, sent: int) -> float | None:
        """Accepted rows a minute over the last minute; what an earlier run has bought is no pace of this one."""
        now = time.monotonic()
        if self.before < 0 or (not self.seen and sent == self.before):
            self.before = sent
            return None
        self.seen.append((now, self.plan.accepted))
        while self.seen[0][0] < now - RECENT_S:
            self.seen.popleft()
        began, accepted = self.seen[0]
        made, span = self.plan.accepted - accepted, now - began
        return round(60.0 * made / span, 1) if made > 0 and span > 1.0 else None


def find(run: str | Path) -> Path:
    """The folder of a generation run, by its path or its name under `runs/`. Raises InputError where there is none."""
    folder = generated(run)
    if folder is not None:
        return folder
    raise InputError(f"{run} is no run of `toolkit generate`", "name its folder: the `out` of the recipe, or runs/NAME")


def generated(run: str | Path) -> Path | None:
    """The folder of a generation run, or None where there is none of that path or name."""
    homes = (Path(run), ROOT / str(run))
    return next((each for each in homes if (each / NAME).is_file() and (each / PLAN).is_file()), None)


def plan_of(folder: Path) -> dict[str, Any]:
    """What a run was begun with. Raises InputError where its file is damaged."""
    try:
        found = orjson.loads((folder / PLAN).read_bytes())
    except orjson.JSONDecodeError as failure:
        raise InputError(f"{folder / PLAN} is damaged: {failure}", "give `toolkit generate RECIPE` again") from failure
    return dict(found)


def recipe_of(run: str | Path, recipe: Path | None = None) -> Loaded:
    """The recipe of a run as it is now, with the run's own target, seed and folder. recipe: where it lies by now."""
    folder = find(run)
    told = plan_of(folder)
    path = recipe or (Path(told["recipe"]) if told["recipe"] else None)
    if path is None or not path.is_file():
        raise InputError(f"the recipe of {folder} is not at {path}", "name it with --recipe FILE")
    return load(path, rows=told["target"], seed=told["seed"], out=str(folder))


def status(run: str | Path, now: float | None = None) -> Status:
    """The state of a run, without a lock on it: a torn last line is left out. now: Unix seconds."""
    folder = find(run)
    told, tally = plan_of(folder), _Tally()
    for event in events(folder / NAME):
        tally.take(event)
    state, running = tally.state, _held(folder)
    cells = [CellStatus(_name(each["cell"]), each["planned"], 0) for each in told["cells"]]
    cells = [replace(each, accepted=tally.accepted[each.cell]) for each in cells]
    accepted, refused = state.accepted, dict(state.refused.most_common())
    if not running and (ended := _ended(folder)) is not None:
        # The journal may hold verdicts of an earlier run in this folder that wanted more rows.
        accepted = ended["accepted"]
        refused = {each["gate"]: each["refused"] for each in ended["waterfall"] if each["refused"]}
        cells = [CellStatus(_name(each["cell"]), each["planned"], each["accepted"]) for each in ended["cells"]]
    ends = (now or time.time()) if running else tally.last
    return Status(
        folder=folder,
        name=told["name"],
        running=running,
        target=told["target"],
        accepted=accepted,
        refused=refused,
        cells=tuple(cells),
        requests=state.sent,
        in_flight=len(state.in_flight) if running else 0,
        spent_usd=state.paid.plus(state.lost).usd,
        tokens=state.paid.plus(state.lost).tokens,
        budget={name: cap for name, cap in told["budget"].items() if cap is not None},
        per_minute=tally.pace(ends),
        failure=state.failure,
    )


def _ended(folder: Path) -> dict[str, Any] | None:
    """The summary of a run that has ended, unless the journal was written to after it, as by a killed one."""
    summary = folder / SUMMARY
    if not summary.is_file() or summary.stat().st_mtime_ns < (folder / NAME).stat().st_mtime_ns:
        return None
    return dict(orjson.loads(summary.read_bytes()))


@dataclass(slots=True)
class _Tally:
    """A fold over the journal. seen: time and accepted rows after each reply. last: time of the last event."""

    state: State = field(default_factory=State)
    cells: dict[str, str] = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    seen: list[tuple[float, int]] = field(default_factory=list)
    last: float = 0.0

    def take(self, event: Mapping[str, Any]) -> None:
        self.state.take(event, 0)
        if event["e"] == "planned":
            self.cells[event["key"]] = _name(event["cell"])
        elif event["e"] == "accepted":
            self.accepted[self.cells.get(event["key"], "")] += 1
        if event["e"] in ("sent", "reply") and "t" in event:
            self.last = event["t"]
            self.seen.append((self.last, self.state.accepted))

    def pace(self, ends: float) -> float | None:
        """Accepted rows a minute over the last minute before `ends`."""
        recent = [(at, count) for at, count in self.seen if at >= ends - RECENT_S]
        if not recent:
            return None
        made, span = self.state.accepted - recent[0][1], ends - recent[0][0]
        return round(60.0 * made / span, 1) if made > 1 and span > 0 else None


def _name(cell: Mapping[str, str]) -> str:
    values = dict(cell)
    return Cell(values.pop("label"), tuple(values.items())).name


def _held(folder: Path) -> bool:
    """Whether a process holds the lock of the folder."""
    try:
        return is_held(folder / ".lock")
    except OSError:
        return False
