"""Functions that a user names as `file.py:function`: their own code, run with their own rights."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.core.errors import UsageError, unknown


def function_of(name: str, folder: Path = Path()) -> Callable[..., Any]:
    """The function that `file.py:function` names, its file relative to `folder`.

    Raises UsageError where the name cannot be meant, the file is not there or does not import, or holds
    no such function.
    """
    file, _, function = name.rpartition(":")
    path = folder / file
    if not file.endswith(".py") or not function:
        raise UsageError(f"'{name}' names no function", "write file.py:function")
    if not path.is_file():
        raise UsageError(f"'{path}' does not exist", "paths are relative to the folder of the file that names them")
    module = _imported(path)
    found = getattr(module, function, None)
    if not callable(found):
        known = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise unknown(f"function of {path.name}:", function, known)
    return found  # type: ignore[no-any-return]  # the type of anyone's function


def _imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"toolkit_local_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file", "name a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as failure:
        what = f"{path} does not import: {type(failure).__name__}: {failure}"
        raise UsageError(what, f"run `python {path}` to see where") from failure
    return module
