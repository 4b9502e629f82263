"""Parquet with a data set card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound import tables
from toolkit.outbound.example import Example
from toolkit.targets.trl import Trl


@dataclass(frozen=True, slots=True)
class Parquet:
    """Parquet files and a README.md that `datasets.load_dataset(FOLDER)` and the Hub read, the columns of TRL.

    Tools and arguments are JSON text. The row's own id stands in `id`, its other columns in `metadata` as JSON.
    licence: an SPDX name for the card.
    """

    id: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet with a data set card, as the Hub has it"
    takes: ClassVar[Mapping[str, str]] = Trl.takes
    reads: ClassVar[Mapping[str, str]] = Trl.reads
    keys: ClassVar[frozenset[str] | None] = tables.KEYS
    store: ClassVar[str] = "parquet"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {}
    shards: ClassVar[bool] = True

    licence: str = ""

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        return tables.row(found, Trl().convert(tables.keyed(found), mode))

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        lines = ["---"]
        lines += [f"license: {json.dumps(self.licence)}"] if self.licence else []
        lines += ["configs:", "- config_name: default", "  data_files:"]
        for part in told["parts"]:
            lines += [f"  - split: {part}", f"    path: data/{part}-*"]
        rows = [f"| {part} | {n:,} |" for part, n in told["rows"].items()]
        what = f"{told['rows_format']} rows for {told['mode']}, verdict {told['verdict']}."
        table = ["| split | rows |", "|---|---|", *rows]
        columns = ["Tools and call arguments are JSON text; `metadata` holds the other columns as JSON."]
        report = f"Report: sha256 {told['readiness']} of readiness.json."
        return {"README.md": "\n".join([*lines, "---", "", what, "", *table, "", *columns, "", report, ""])}
