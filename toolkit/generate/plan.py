"""What to ask for next: cells with quotas, refilled until each holds what it should, or cannot.

The plan is made in waves. A wave hangs on nothing but the verdicts of the waves before it, so the same
recipe and seed plan the same requests however the replies were timed, and after any kill.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from toolkit.core.request import Capacity, Cell, Seed

COLLAPSED_AFTER = 48
COLLAPSED_YIELD = 0.05
BARREN_AFTER, SPARSE_AFTER = 96, 192
"""Candidates of a run after which none, and a yield as low as that of a collapsed cell, end it: were a tenth good, 1
run in 24,000 and 1 in 170 would stop for nothing. Its cells may each be too small to tell."""
DEAD = "dead"
SURPLUS = "surplus"


@dataclass(slots=True)
class CellState:
    """One cell as it stands. quota: rows it should give; planned: at the start, before cells that could not
    give theirs handed them on. closed: why no more is asked of it, or empty."""

    cell: Cell
    quota: int
    capacity: Capacity | None
    asked: int = 0
    candidates: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    closed: str = ""
    planned: int = 0

    @property
    def missing(self) -> int:
        return max(0, self.quota - self.accepted)

    @property
    def good(self) -> int:
        """Accepted rows, and those that a full cell turned away."""
        return self.accepted + self.refused[SURPLUS]

    @property
    def rate(self) -> float:
        """Good rows per candidate so far, 1 before the first."""
        return self.good / self.candidates if self.candidates else 1.0

    @property
    def expected(self) -> float:
        """The yield to plan with: two good candidates more than were seen, so that a bad start costs little."""
        return (self.good + 2) / (self.candidates + 2)

    def room(self) -> int | None:
        """How many rows may still be asked for before all that can be made was; None for no bound."""
        return None if self.capacity is None else max(0, self.capacity.visits - self.asked)


class Plan:
    """The cells of a run, what each still misses, and why it stopped."""

    def __init__(
        self, cells: Iterable[CellState], *, per_call: int, max_candidates: int, seed: int, salt: str = ""
    ) -> None:
        self.cells = {state.cell: state for state in cells}
        self.per_call = per_call
        self.max_candidates = max_candidates
        self.salt = f"{seed}|{salt}"
        self.asked = 0
        self.stopped: list[str] = []
        self._full = False
        self.target = sum(state.quota for state in self.cells.values())

    @property
    def stops(self) -> list[str]:
        """Why it ends before its target, by the verdicts so far."""
        reached = f"max_candidates ({self.max_candidates:,}) reached{self._worst_gate()}"
        return [*self.stopped, reached] if self._full and self.accepted < self.target else self.stopped

    @property
    def accepted(self) -> int:
        return sum(state.accepted for state in self.cells.values())

    @property
    def barren(self) -> str:
        """Why a run that accepts next to nothing should ask no more, or an empty text."""
        states = self.cells.values()
        tried = sum(state.candidates for state in states)
        good = sum(state.good for state in states)
        if tried < (SPARSE_AFTER if good else BARREN_AFTER) or good >= COLLAPSED_YIELD * tried:
            return ""
        return f"{good:,} of the first {tried:,} candidates were good{self._worst_gate()}"

    def waves(self) -> Iterator[list[Seed]]:
        """Wave after wave, until every quota is met or nothing more can be asked."""
        while wave := self._wave():
            yield wave

    def take(self, cell: Cell, refused: Counter[str], accepted: int) -> None:
        """Count the verdicts on the candidates of one request."""
        state = self.cells[cell]
        state.accepted += accepted
        state.refused.update(refused)
        state.candidates += accepted + refused.total()

    def _wave(self) -> list[Seed]:
        self._close()
        self._move()
        left = self.max_candidates - self.asked
        seeds: list[Seed] = []
        for state in self.cells.values():
            if state.closed or not state.missing:
                continue
            seeds.extend(self._seeds(state))
        seeds = self._within(sorted(seeds, key=self.order), left)
        for seed in seeds:
            self.cells[seed.cell].asked += seed.rows
        self.asked += sum(seed.rows for seed in seeds)
        return seeds

    def _seeds(self, state: CellState) -> Iterator[Seed]:
        """Requests for what a cell misses, as many more as its yield so far makes likely to be needed."""
        wanted = self._tried(state, math.ceil(state.missing / state.expected))
        room = state.room()
        wanted = wanted if room is None else min(wanted, room)
        for first in range(state.asked, state.asked + wanted, self.per_call):
            yield Seed(state.cell, first, min(self.per_call, state.asked + wanted - first))

    def _tried(self, state: CellState, wanted: int) -> int:
        """`wanted`, but of a large cell first no more than tells whether it gives anything, and then what it misses.

        A cell that is small from the start is asked for at once, and so is what costs nothing and knows its capacity.
        """
        trial = math.ceil(COLLAPSED_AFTER / self.per_call) * self.per_call
        if state.capacity is not None or state.candidates > trial:
            return wanted
        if state.good:
            # The yield of so few candidates would often ask for far too many.
            return min(wanted, state.missing) if state.missing > trial else wanted
        small = not state.candidates and state.missing < 2 * trial
        return wanted if small else min(wanted, max(trial - state.candidates, 1))

    def _within(self, seeds: list[Seed], left: int) -> list[Seed]:
        """The seeds that fit into what may still be asked; says so when not all do."""
        kept = []
        for seed in seeds:
            if left == 0:
                self._full = True
                break
            kept.append(replace(seed, rows=min(seed.rows, left)))
            left -= kept[-1].rows
        return kept

    def _close(self) -> None:
        """Close cells that can give no more, or whose yield has collapsed."""
        for state in self.cells.values():
            if state.closed or not state.missing:
                continue
            if state.room() == 0:
                capacity = state.capacity.masked if state.capacity else 0
                state.closed = f"all {capacity:,} texts it can make were tried"
            elif state.candidates >= COLLAPSED_AFTER and state.rate < COLLAPSED_YIELD:
                gate = _worst(state.refused)
                state.closed = f"its yield fell to {state.accepted} of {state.candidates} (gate {gate})"
        self._close_together()

    def _close_together(self) -> None:
        """Close the cells of a value that gives next to nothing in all of them, each too small to tell by itself."""
        own: dict[tuple[str, str], list[CellState]] = {}
        for state in self.cells.values():
            for pair in state.cell.attributes:
                own.setdefault(pair, []).append(state)
        for (name, value), states in own.items():
            tried = sum(state.candidates for state in states)
            good = sum(state.good for state in states)
            if len(states) < 2 or tried < COLLAPSED_AFTER or good >= COLLAPSED_YIELD * tried:
                continue
            gate = _worst(sum((state.refused for state in states), Counter()))
            for state in states:
                state.closed = state.closed or f"{name}={value} gave {good} of {tried} (gate {gate})"

    def _move(self) -> None:
        """Give what closed cells miss to open cells of their label; without one, the label stops short."""
        for label in dict.fromkeys(cell.label for cell in self.cells):
            own = [state for state in self.cells.values() if state.cell.label == label]
            closed = [state for state in own if state.closed and state.missing]
            if not closed:
                continue
            last, missing = max(closed, key=lambda state: state.missing), sum(state.missing for state in closed)
            for state in closed:
                state.quota = state.accepted
            others = [state for state in own if not state.closed]
            for nth, state in enumerate(others):
                state.quota += missing // len(others) + (nth < missing % len(others))
            if not others:
                self._stop(f"label '{label}' is {missing:,} short: in cell {last.cell.name} {last.closed}")

    def _stop(self, reason: str) -> None:
        if reason not in self.stopped:
            self.stopped.append(reason)

    def _worst_gate(self) -> str:
        total: Counter[str] = Counter()
        for state in self.cells.values():
            total.update(state.refused)
        if not total:
            return ""
        short = max(self.cells.values(), key=lambda state: state.missing)
        gate = _worst(total)
        return f"; gate {gate} refused most ({total[gate]:,}), most missing in cell {short.cell.name}"

    def order(self, seed: Seed) -> bytes:
        """A scattered order that hangs on the seed alone, so that any early part of a run is a fair sample."""
        told = f"{self.salt}|{seed.cell.name}|{seed.sample}"
        return hashlib.blake2b(told.encode(), digest_size=8).digest()


def cells(
    weights: Iterable[tuple[Cell, float, float]], rows: int, seed: int, capacity: Callable[[Cell], Capacity | None]
) -> list[CellState]:
    """Quotas for every cell: `rows` shared among labels by weight, then among a label's cells."""
    listed = list(weights)
    labels = {cell.label: weight for cell, weight, _ in listed}
    shares = dict(zip(labels, share_out(rows, list(labels.values()), [0] * len(labels)), strict=True))
    found = []
    for label, share in shares.items():
        own = [(cell, inner) for cell, _, inner in listed if cell.label == label]
        ties = [_tie(f"{seed}|{cell.name}") for cell, _ in own]
        quotas = share_out(share, [inner for _, inner in own], ties)
        found += [
            CellState(cell, quota, capacity(cell), planned=quota) for (cell, _), quota in zip(own, quotas, strict=True)
        ]
    return found


def share_out(total: int, weights: list[float], ties: list[int]) -> list[int]:
    """Whole numbers that add up to `total`, by largest remainder (Hamilton 1792); ties break by `ties`."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(each) for each in exact]
    order = sorted(range(len(exact)), key=lambda nth: (-round(exact[nth] - shares[nth], 9), ties[nth], nth))
    for nth in order[: total - sum(shares)]:
        shares[nth] += 1
    return shares


def _tie(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _worst(refused: Counter[str]) -> str:
    """The gate that refused most, a full cell aside."""
    gates = {gate: count for gate, count in refused.items() if gate != SURPLUS}
    return max(gates, key=lambda gate: (gates[gate], gate)) if gates else "none"
