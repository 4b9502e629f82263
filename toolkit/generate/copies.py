"""Copies among the candidates of a pilot: what they say about how many different rows a model has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.core.gating import Refusal
from toolkit.core.text import mask_numbers, normal_text
from toolkit.gates.dedupe import ACCEPTED
from toolkit.generate.driver import Cooked
from toolkit.generate.plan import SURPLUS
from toolkit.generate.result import GenerateResult
from toolkit.stats.saturation import Further, Group, further


@dataclass(slots=True)
class Copies:
    """How often each text came, by label, of the candidates that were good or copies of good ones."""

    texts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def take(self, cooked: Cooked, verdicts: Sequence[Refusal | None]) -> int:
        """Count the rows of a conversation; how many were good, copies or not."""
        own, drawn = self.texts[cooked.seed.cell.label], 0
        for row, verdict in zip(cooked.rows, verdicts, strict=True):
            if verdict is None or verdict.gate == SURPLUS:
                own[mask_numbers(normal_text(row.text))] += 1
            elif verdict.gate == "dedupe" and ACCEPTED in verdict.reason:
                self._again(own, mask_numbers(normal_text(row.text)))
            else:
                continue
            drawn += 1
        return drawn

    def further(self, result: GenerateResult, most: int) -> Further:
        """Good candidates that the run still needs. most: candidates that it may judge in all."""
        groups, sure = [], 0
        for label, (missing, bounded) in _missing(result).items():
            # A source that knows its capacity gives each row once.
            sure += missing if bounded else 0
            if missing and not bounded:
                groups.append(Group(Counter(self.texts[label].values()), missing))
        drawn = sum(own.total() for own in self.texts.values())
        left = drawn / max(result.candidates, 1) * most - drawn - sure
        if not groups or left < 1:
            return Further(sure, sure, sure, 1.0, sure)
        found = further(groups, left)
        return Further(found.expected + sure, found.low + sure, found.high + sure, found.met, found.kinds + sure)

    @staticmethod
    def _again(own: Counter[str], text: str) -> None:
        """One more of a text; a near copy is one of any text that came once, since nobody says of which."""
        once = text if text in own else next((each for each, times in own.items() if times == 1), text)
        own[once] += 1


def _missing(result: GenerateResult) -> dict[str, tuple[int, bool]]:
    """Rows that each label misses, and whether its source knows what it can give."""
    found: dict[str, tuple[int, bool]] = {}
    for state in result.cells:
        missing, _ = found.get(state.cell.label, (0, False))
        found[state.cell.label] = (missing + state.missing, state.capacity is not None)
    return found
