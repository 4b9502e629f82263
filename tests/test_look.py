"""The pass over the rows gives the same on one core and on several."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from toolkit.core.errors import InputError
from toolkit.core.types import Finding
from toolkit.findings import findings
from toolkit.look import collect, look
from toolkit.runners.processes import mapped
from toolkit.store.folder import RunFolder
from toolkit.store.ledger import Ledger
from toolkit.store.view import View
from toolkit.verify import VerifyOptions, verify

ROWS = 61_000


@dataclass(frozen=True, slots=True)
class Half:
    """Raises in the second half of the rows."""

    id: ClassVar[str] = "half"
    code: ClassVar[str] = "X01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("answer",)

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Any]:
        yield Finding(None, 0.1, "told of the whole data set")
        if batch.column("row")[0].as_py() > ROWS // 2:
            raise ValueError("the second half")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("look") / "rows.jsonl"
    answers = ["Fine.", "", "TODO", "As an AI language model I cannot help with that.", "{{name}} is ready."]
    with path.open("w") as file:
        for at in range(ROWS):
            answer = answers[at % 1000] if at % 1000 < len(answers) else f"The answer to that one is {at}."
            filler = "x" * 420  # the file must be large enough to be read side by side
            turns = [{"role": "user", "content": f"{at}? {filler}"}, {"role": "assistant", "content": answer}]
            file.write((json.dumps({"messages": turns}) if at % 997 else "{broken") + "\n")
    return path


def test_one_core_and_two_find_the_same(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for cores in ("1", "2"):
        monkeypatch.setenv("TOOLKIT_CORES", cores)
        run = tmp_path / cores
        only = ("parse", "empty-answer", "refusal", "template-residue", "cut-off", "roles")
        verify(rows, run=run, options=VerifyOptions(only=only, embed=False))
        with Ledger(RunFolder(run).ledger) as ledger:
            found = [json.dumps(each, sort_keys=True) for each in findings(ledger)]
        told.append([*found, hashlib.sha256((run / "kept.jsonl").read_bytes()).hexdigest()])
        shutil.rmtree(run)
    assert len(told[0]) > 200
    assert told[0] == told[1]


def test_a_check_that_raises_late_failed_whichever_core_it_ran_on(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_CORES", "2")
    data = verify(rows, run=tmp_path, options=VerifyOptions(only=("parse",), embed=False)).data
    seen: list[int] = []
    found = look([Half()], View(data, ("answer",)), seen.append)["half"]
    assert found.status == "failed"
    assert "the second half" in found.reason
    assert len(found.results) == 1
    assert seen[-1] == data.n_rows


def test_an_error_for_the_user_crosses_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_CORES", "2")
    with pytest.raises(InputError, match="piece 3") as caught:
        list(mapped(_refuse, range(9)))
    assert caught.value.fix == "leave it out"
    assert list(mapped(abs, [-1, -2, 3])) == [1, 2, 3]


def _refuse(piece: int) -> int:
    if piece == 3:
        raise InputError(f"piece {piece} cannot be read", "leave it out")
    return piece


def test_an_interrupt_in_a_query_is_no_failure_of_the_check() -> None:
    """DuckDB 1 tells a Ctrl-C in the middle of a query in these words."""

    def stopped() -> list[Any]:
        raise RuntimeError("Query interrupted")

    with pytest.raises(KeyboardInterrupt):
        collect(stopped)
