"""The gate of the user's own: a function that says yes or no to a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.own_code import function_of
from toolkit.core.request import Cell, GeneratedRow

BROKEN_AFTER = 8


@dataclass(frozen=True, slots=True)
class Python:
    """A function of yours is given each candidate: `check: [{python: "checks.py:no_names"}]`, or a list of functions.

    It takes the row as a dict. It refuses by returning False or a text that says why; it lets pass by
    returning True, None or an empty text. What it raises refuses that row, by name; one that raises for each of
    the first eight rows ends the run. It runs in this process with your rights, and only because the recipe
    names it.
    """

    id: ClassVar[str] = "python"
    rank: ClassVar[int] = 80
    costly: ClassVar[bool] = True

    call: str | Sequence[str] = ""

    def guard(self, context: Context) -> Guard:
        names = [self.call] if isinstance(self.call, str) else list(self.call)
        if not all(names):
            raise UsageError("the gate python names no function", 'write {python: "checks.py:function"}')
        own = [_Own(name, function_of(name, context.folder)) for name in names]

        def judge(row: GeneratedRow, cell: Cell) -> str:
            return next((said for each in own if (said := each.verdict(row.fields))), "")

        return Stateless(self.id, judge)


@dataclass(slots=True)
class _Own:
    """One function. accidents: how often in a row, from its first call on, it has raised; -1 once it has not."""

    name: str
    function: Callable[[dict[str, Any]], Any]
    accidents: int = 0

    def verdict(self, row: Mapping[str, Any]) -> str:
        try:
            found = self.function(dict(row))
        except Exception as failure:  # it is anyone's code: its accident costs one row, not the run
            return self._accident(f"{self.name} raised {type(failure).__name__}: {str(failure)[:100]}", failure)
        self.accidents = -1
        if found is None or found is True:
            return ""
        return found if isinstance(found, str) else f"{self.name} refused it"

    def _accident(self, said: str, failure: Exception) -> str:
        self.accidents += self.accidents >= 0
        if self.accidents == BROKEN_AFTER:
            fix = "mend it; what was bought is kept, and `toolkit rejudge` judges it again for nothing"
            raise UsageError(f"{said}, for each of the first {BROKEN_AFTER} rows", fix) from failure
        return said
