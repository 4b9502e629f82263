"""The gate of the user's own: a function that says yes or no to a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.errors import UsageError
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.own_code import function_of
from toolkit.core.request import Cell, GeneratedRow


@dataclass(frozen=True, slots=True)
class Python:
    """A function of yours is given each candidate: `check: [{python: "checks.py:no_names"}]`.

    It takes the row as a dict. It refuses by returning False or a text that says why; it lets pass by
    returning True, None or an empty text. What it raises refuses that row, by name. It runs in this
    process with your rights, and only because the recipe names it.
    """

    id: ClassVar[str] = "python"
    rank: ClassVar[int] = 80
    costly: ClassVar[bool] = True

    call: str = ""

    def guard(self, context: Context) -> Guard:
        if not self.call:
            raise UsageError("the gate python names no function", 'write {python: "checks.py:function"}')
        function = function_of(self.call, context.folder)

        def judge(row: GeneratedRow, cell: Cell) -> str:
            return _verdict(function, row.fields, self.call)

        return Stateless(self.id, judge)


def _verdict(function: Callable[[dict[str, Any]], Any], row: Mapping[str, Any], name: str) -> str:
    try:
        found = function(dict(row))
    except Exception as failure:  # it is anyone's code: its accident costs one row, not the run
        return f"{name} raised {type(failure).__name__}: {str(failure)[:100]}"
    if found is None or found is True:
        return ""
    return found if isinstance(found, str) else f"{name} refused it"
