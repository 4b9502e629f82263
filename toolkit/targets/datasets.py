"""A folder of `datasets`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound import tables
from toolkit.outbound.example import Example
from toolkit.targets.trl import Trl


@dataclass(frozen=True, slots=True)
class Datasets:
    """What `datasets.load_from_disk` opens: one folder of Arrow files for each part, the columns of TRL.

    Tools and arguments are JSON text. The row's own id stands in `id`, its other columns in `metadata` as JSON.
    """

    id: ClassVar[str] = "datasets"
    title: ClassVar[str] = "datasets: load_from_disk"
    takes: ClassVar[Mapping[str, str]] = Trl.takes
    reads: ClassVar[Mapping[str, str]] = Trl.reads
    keys: ClassVar[frozenset[str] | None] = tables.KEYS
    store: ClassVar[str] = "arrow"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        return tables.row(found, Trl().convert(tables.keyed(found), mode))

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        return {"dataset_dict.json": json.dumps({"splits": told["parts"]})}
