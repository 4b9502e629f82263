"""The gate of checks: what `toolkit verify` would find in a row, it finds before the row is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core import parts
from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow

USUAL = ("secret", "template-residue", "garbled", "empty-answer", "roles", "tool-call", "structured-answer")


@dataclass(frozen=True, slots=True)
class Verify:
    """Checks of the shelf that look at a row at a time, asked about each candidate.

    use: ids of checks. at: the score from which a finding refuses, for all of them. Checks that need the
    whole data set, such as `near-duplicate`, cannot be asked here.
    """

    id: ClassVar[str] = "verify"
    rank: ClassVar[int] = 50
    costly: ClassVar[bool] = True

    use: Sequence[str] = USUAL
    at: float = 0.7

    def guard(self, context: Context) -> Guard:
        for name in self.use:
            if not hasattr(parts.part("checks", name), "look"):
                raise UsageError(
                    f"the check '{name}' looks at whole data sets, not at rows", "leave it to toolkit verify"
                )

        def judge(row: GeneratedRow, cell: Cell) -> str:
            for name in self.use:
                for finding in context.look(name, row.fields):
                    if finding.score >= self.at:
                        return f"{name}: {finding.message}"
            return ""

        return Stateless(self.id, judge)
