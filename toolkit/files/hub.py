"""Data sets of the Hugging Face Hub and folders that `datasets` saved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from toolkit.core.errors import InputError, ProviderError
from toolkit.core.records import Record, Source
from toolkit.files.arrow_table import ArrowTable

HUB_ID = re.compile(r"^(?:hf://(?:datasets/)?)?(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<file>[^:]+))?(?::(?P<split>[\w.-]+))?$")


@dataclass(frozen=True, slots=True)
class Hub:
    """`owner/name`, `owner/name:split`, `hf://datasets/owner/name/file.parquet`, or a saved folder.

    It is streamed through `datasets`, so that a large data set is not downloaded whole first. Without
    a split, `train` is read, or the only split there is.
    """

    id: ClassVar[str] = "hub"

    def claims(self, source: Source) -> int:
        if source.obj is not None:
            return 0
        if source.path is not None:
            return 10 if source.path.is_dir() else 0
        return 10 if HUB_ID.match(source.name) else 0

    def records(self, source: Source) -> Iterator[Record]:
        loaded = _saved(source.path) if source.path is not None else _download(source.name)
        table = Source(source.name, obj=loaded)
        yield from ArrowTable().records(table)
        source.counts = table.counts


def _saved(folder: Path) -> Any:
    import datasets

    try:
        loaded = datasets.load_from_disk(str(folder))
    except (FileNotFoundError, ValueError) as failure:
        inside = sorted(each.name for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
        if (folder / "ledger.duckdb").exists():
            raise InputError(f"{folder} is a run of the toolkit", f"name {folder}/kept.jsonl") from failure
        named = f": {', '.join(inside[:8])}{', ...' if len(inside) > 8 else ''}" if inside else ""
        what = f"{folder} holds no data files and is no folder that `datasets` saved"
        raise InputError(what, f"name a file in it{named}") from failure
    return _one_split(loaded, folder.name)


def _download(name: str) -> Any:
    import datasets

    found = HUB_ID.match(name)
    assert found is not None  # noqa: S101 - claims() matched it
    split, file = found["split"], found["file"]
    files = {"data_files": f"hf://datasets/{found['name']}/{file}"} if file else {}
    kind = Path(file).suffix.lstrip(".").replace("jsonl", "json") if file else found["name"]
    try:
        _ask_for(found["name"])
        loaded = datasets.load_dataset(kind, streaming=True, split=split, **files)
    except Exception as failure:  # datasets raises whatever its many transports raise
        what = f"the Hub did not give {found['name']}: {type(failure).__name__}: {str(failure).splitlines()[0]}"
        raise ProviderError(what, "check the name and the network, or download the file and give its path") from failure
    return loaded if split else _one_split(loaded, name)


def _ask_for(name: str) -> None:
    """One question whether the Hub has it: `datasets` by itself tries for half a minute where there is no network."""
    import huggingface_hub

    if not huggingface_hub.constants.is_offline_mode():
        huggingface_hub.HfApi().dataset_info(name, timeout=20.0)


def _one_split(loaded: Any, name: str) -> Any:
    if not isinstance(loaded, dict):
        return loaded
    if "train" in loaded or len(loaded) == 1:
        return loaded["train"] if "train" in loaded else next(iter(loaded.values()))
    raise InputError(f"{name} has the splits {', '.join(loaded)}", f"name one: {name}:{next(iter(loaded))}")
