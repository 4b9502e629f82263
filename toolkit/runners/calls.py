"""Calls of the user's own tools, run in a child process with limits: their file, their rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError, UsageError
from toolkit.runners.limited import Limits, run_python

MARK = "results of the calls: "
CALL = f"""\
import asyncio, dataclasses, importlib.util, inspect, json, os, sys
told = json.load(sys.stdin)
sys.path.insert(0, os.path.dirname(told["path"]))
spec = importlib.util.spec_from_file_location("tools_of_a_recipe", told["path"])
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
def made(call):
    value = getattr(module, call["name"])(**call["arguments"])
    return asyncio.run(value) if inspect.iscoroutine(value) else value
def plain(value):
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else str(value)
found = [made(call) for call in told["calls"]]
names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
print("\\n" + {MARK!r} + json.dumps({{"results": found, "names": names}}, default=plain), flush=True)
"""


def run_calls(path: Path, calls: Sequence[Mapping[str, Any]]) -> list[Any] | str:
    """What the functions of a file return to calls of `name` and `arguments`, as JSON values; or why one failed.

    Raises UsageError where the file has no function of that name: every row would fail.
    """
    if not calls:
        return []
    told = _ran(path, calls)
    if isinstance(told, str):
        _known(path, [str(call.get("name")) for call in calls])
        return told
    return list(told["results"])


def importable(path: Path) -> None:
    """Raises InputError where a file of tools cannot be imported in the child process, before anything is made."""
    told = _ran(path, ())
    if isinstance(told, str):
        fix = "it is run in an empty folder with no environment: name its files by `Path(__file__).parent`"
        raise InputError(f"the tools in {path} cannot be imported: {told}", fix)


def _known(path: Path, names: Sequence[str]) -> None:
    found = _ran(path, ())
    known = found["names"] if isinstance(found, dict) else names
    for name in names:
        if name not in known:
            raise UsageError(f"{path} has no function '{name}', which a tool is called", f"it has: {', '.join(known)}")


def _ran(path: Path, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any] | str:
    given = orjson.dumps({"path": str(path.resolve()), "calls": list(calls)}).decode()
    ran = run_python(CALL, Limits(), stdin=given, packages=True)
    line = next((each for each in reversed(ran.out.splitlines()) if each.startswith(MARK)), "")
    if not line:
        return ran.fault or "it ended before it returned"
    try:
        told: dict[str, Any] = orjson.loads(line.removeprefix(MARK))
    except orjson.JSONDecodeError:
        return "it returned what is not JSON, or over 20,000 characters of it"
    return told
