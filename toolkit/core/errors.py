"""Errors that help: every one has what went wrong and what to try next.

    ToolkitError
    ├── UsageError      exit 2   a command, option or recipe that cannot be meant
    ├── InputError      exit 2   a file or row that cannot be read
    ├── NotFit          exit 1   the answer is no: findings over the bar, a changed file
    ├── MachineError    exit 3   disk, memory, permissions, a missing extra
    └── ProviderError   exit 3   a model provider or hub that did not serve

Two more end a check, not the run: `Skip` (could not look) and `NotApplicable` (nothing to look at).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 60


class ToolkitError(Exception):
    """An error shown to the user as two lines, `error:` and `try:`, without a traceback."""

    exit_code = 2

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __reduce__(self) -> tuple[type[ToolkitError], tuple[str, str]]:
        return type(self), (self.what, self.fix)


class UsageError(ToolkitError):
    """A command, option, recipe or pipeline that cannot be meant."""


class InputError(ToolkitError):
    """A file, line or row that cannot be read as what it should be."""


class NotFit(ToolkitError):  # noqa: N818 - it is an answer, not an accident
    """The question was answered and the answer is no."""

    exit_code = 1


class MachineError(ToolkitError):
    """The machine failed: disk, memory, permissions, a missing optional package."""

    exit_code = 3


class ProviderError(ToolkitError):
    """A model provider or data hub did not serve."""

    exit_code = 3


class Skip(Exception):  # noqa: N818 - it is an answer, not an accident
    """A check could not look. The reason is shown everywhere: not looked is never clean."""


class NotApplicable(Exception):  # noqa: N818 - it is an answer, not an accident
    """A check has nothing to look at in this data set; that is neither clean nor skipped."""


def closest(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name: ` (did you mean 'x'?)`, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not on a list: it shows the list, or its beginning where it is long."""
    names = sorted(known)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return UsageError(f"unknown {kind} '{word}'{closest(word, names)}", f"one of: {', '.join(names[:_SHOWN])}{more}")


def interrupted(failure: BaseException) -> bool:
    """Whether this is Ctrl-C, which DuckDB tells as a RuntimeError where it comes in the middle of a query."""
    return isinstance(failure, KeyboardInterrupt) or (
        isinstance(failure, RuntimeError) and str(failure) == "Query interrupted"
    )
