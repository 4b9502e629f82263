"""Python files of the user's: their own code, run with their own rights, and functions named `file.py:function`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError, UsageError, unknown

LOCAL = "toolkit_local_"
"""How the modules of such files are named: another process cannot import them."""


def function_of(name: str, folder: Path = Path()) -> Callable[..., Any]:
    """The function that `file.py:function` names, its file relative to `folder`.

    Raises UsageError where the name cannot be meant, the file is not there, or holds no such function,
    and InputError where it does not import.
    """
    file, _, function = name.rpartition(":")
    path = folder / file
    if not file.endswith(".py") or not function:
        raise UsageError(f"'{name}' names no function", "write file.py:function")
    if not path.is_file():
        raise UsageError(f"'{path}' does not exist", "paths are relative to the folder of the file that names them")
    module = imported(path)
    found = getattr(module, function, None)
    if not callable(found):
        known = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise unknown(f"function of {path.name}:", function, known)
    return found  # type: ignore[no-any-return]  # the type of anyone's function


def imported(path: Path) -> Any:
    """The module in a Python file of the user's, under a name that begins with `LOCAL`.

    Raises InputError if it is no Python file or does not import.
    """
    spec = importlib.util.spec_from_file_location(f"{LOCAL}{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path} is not a Python file", "name a .py file that defines a part")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as failure:
        what = f"{path} does not import: {type(failure).__name__}: {failure}"
        raise InputError(what, f"run `python {path}` to see where") from failure
    return module
