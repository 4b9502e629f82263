"""The step before any trainer: make, verify and split fine-tuning rows, and say whether they are ready.

The verbs of the command line are functions here; each is imported when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.compare import compare
    from toolkit.export import export
    from toolkit.generate import generate
    from toolkit.pipeline import run
    from toolkit.read import ReadOptions, read
    from toolkit.readiness import gate, readiness
    from toolkit.split import SplitOptions, split
    from toolkit.verify import VerifyOptions, verify

_WHERE = {
    "ReadOptions": "toolkit.read",
    "SplitOptions": "toolkit.split",
    "VerifyOptions": "toolkit.verify",
    "compare": "toolkit.compare",
    "export": "toolkit.export",
    "gate": "toolkit.readiness",
    "generate": "toolkit.generate",
    "read": "toolkit.read",
    "readiness": "toolkit.readiness",
    "run": "toolkit.pipeline",
    "split": "toolkit.split",
    "verify": "toolkit.verify",
}

__all__ = [
    "ReadOptions",
    "SplitOptions",
    "VerifyOptions",
    "compare",
    "export",
    "gate",
    "generate",
    "read",
    "readiness",
    "run",
    "split",
    "verify",
]


class _Verbs(ModuleType):
    """The package, in which a verb's name stays the function when its module of the same name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        is_module = isinstance(value, ModuleType) and _WHERE.get(name) == value.__name__
        super().__setattr__(name, getattr(value, name, value) if is_module else value)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'toolkit' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


sys.modules[__name__].__class__ = _Verbs
