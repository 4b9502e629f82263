"""What a first recipe of a task consists of: the recipe with comments, seeds, the contract of its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolkit.core import parts
from toolkit.core.errors import UsageError, unknown
from toolkit.core.share import shipped
from toolkit.store.folder import folder_error

CONTRACTS = {
    "classification": "classification",
    "chat": "chat",
    "grounded-qa": "chat",
    "preference": "preference",
    "tool-use": "tool_use",
}
"""The contract of each task's rows; those of a prompt and a completion have `completion`."""


def start(task: str, out: Path | None = None) -> list[Path]:
    """Write the files of a task into a folder, named like the task by default; the paths written, recipe first.

    Raises UsageError for an unknown task and where a file is there already: nothing is overwritten.
    """
    known = parts.parts("recipes")
    if task not in known:
        raise unknown("task", task, known)
    home, schemas = out or Path(task), shipped("schemas")
    found = {each.name: each for each in sorted((shipped("pipelines") / "starters" / task).iterdir())}
    found["contract.yaml"] = schemas / "contracts" / f"{CONTRACTS.get(task, 'completion')}.yaml"
    found["recipe.schema.json"] = schemas / "recipe.schema.json"
    taken = next((home / name for name in found if (home / name).exists()), None)
    if taken is not None:
        raise UsageError(f"{taken} is there already", "name another folder with --out; nothing is overwritten")
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name, source in found.items():
            shutil.copyfile(source, home / name)
    except OSError as failure:
        raise folder_error(home, failure) from failure
    return [home / name for name in sorted(found, key=lambda name: (name != "recipe.yaml", name))]
