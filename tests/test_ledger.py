"""The ledger: whole checks or nothing, its version, one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from toolkit.core.errors import InputError, MachineError, UsageError
from toolkit.core.types import Fact, Finding, Findings
from toolkit.store.folder import RunFolder
from toolkit.store.ledger import Ledger, Run

RUN = Run("one", "X01", "input", 1, "abc", "{}", "ran", "", 3, 3, 0.1)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    results = [
        Finding(0, 0.5, "m", "k", other=2, column="c", evidence={"a": ["ü", None]}),
        Findings(np.array([1, 2]), np.array([0.1, 0.9]), "n", "l", evidence=["{}", None]),
        Fact("f", 1.5, "rows", "g", 1.0, 2.0),
    ]
    with Ledger(tmp_path / "l.duckdb") as ledger:
        ledger.write(RUN, results)
        ledger.write(RUN, results)
        rows = ledger.rows('SELECT "row", other, kind, score, evidence FROM findings ORDER BY "row"')
        facts = ledger.rows("SELECT * FROM facts")
        assert ledger.digest_of("one", "input") == "abc"
    assert [(row["row"], row["other"], row["kind"], row["score"]) for row in rows] == [
        (0, 2, "k", 0.5),
        (1, None, "l", 0.1),
        (2, None, "l", 0.9),
    ]
    assert rows[0]["evidence"] == '{"a": ["ü", null]}'
    assert len(facts) == 1


def test_a_check_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    def torn():  # type: ignore[no-untyped-def]
        yield Finding(0, 1.0, "m")
        yield Fact("f", 1.0)
        raise KeyboardInterrupt

    with Ledger(tmp_path / "l.duckdb") as ledger:
        ledger.write(RUN, [Finding(1, 1.0, "first")])
        with pytest.raises(KeyboardInterrupt):
            ledger.write(RUN, torn())
        assert [row["message"] for row in ledger.rows("SELECT message FROM findings")] == ["first"]
        assert ledger.rows("SELECT * FROM facts") == []


def test_another_version_is_not_misread(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.duckdb") as ledger:
        ledger.set_meta("version", "99")
    with pytest.raises(InputError, match="version 99"):
        Ledger(tmp_path / "l.duckdb", read_only=True)


def test_a_damaged_or_missing_ledger_is_said(tmp_path: Path) -> None:
    (tmp_path / "l.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises((InputError, MachineError)):
        Ledger(tmp_path / "l.duckdb")
    with pytest.raises(InputError, match="holds no ledger"):
        Ledger(tmp_path / "none.duckdb", read_only=True)


def test_one_writer_a_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from toolkit.store.folder import RunFolder\n"
        "from toolkit.core.errors import UsageError\n"
        "try:\n    RunFolder(Path(sys.argv[1])).locked().__enter__()\n"
        "except UsageError as failure:\n    print(failure.what)"
    )
    with folder.locked():
        done = subprocess.run([sys.executable, "-c", code, folder.path], capture_output=True, text=True, check=True)
    assert "another run is writing" in done.stdout
    with folder.locked(), pytest.raises(UsageError), folder.locked():
        pass
