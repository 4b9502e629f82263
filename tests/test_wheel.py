"""The wheel, not the checkout: built, installed in an environment of its own, and every command run once."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from toolkit.core.share import shipped

ROOT = shipped("schemas").parent

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("no checkout to build from")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def toolkit(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, in an environment that has the dependencies but not the checkout."""
    home = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, capture_output=True)
    python = home / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, text=True)
    site = next(home.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    where = subprocess.run(
        [str(python), "-c", "import toolkit; print(toolkit.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=home,
    )
    assert str(home) in where.stdout, "the wheel is not what is imported"
    return home / "bin" / "toolkit"


def test_the_wheel_holds_what_it_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("toolkit/schemas/policies/default.yaml", "toolkit/pipelines/questions.yaml", "toolkit/py.typed"):
        assert needed in names, needed
    assert "toolkit/reports/readiness.html.j2" in names
    assert "toolkit/label/page/static/page.js" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_every_command_of_the_wheel_runs_once(toolkit: Path, tmp_path: Path) -> None:
    rows = [{"text": f"please {verb} my {noun} now", "label": verb} for verb in ("cancel", "track") for noun in _NOUNS]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for command, codes in (
        ("--version", {0}),
        ("parts", {0}),
        ("parts checks --json", {0}),
        ("generate questions --rows 40 --out runs/made", {0}),
        ("verify rows.jsonl --no-embeddings", {0, 1}),
        ("findings rows", {0}),
        ("split rows --heldout 0.3 --no-embeddings", {0, 1}),
        ("readiness rows --no-embeddings", {1}),
        ("export rows --anyway", {0}),
        ("run questions --run runs/questions", {0, 1}),
    ):
        done = subprocess.run(
            [str(toolkit), *command.split()], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode in codes, f"{command}: {done.stderr}"
        assert "Traceback" not in done.stderr


_NOUNS = (
    "order",
    "parcel",
    "ticket",
    "invoice",
    "voucher",
    "bottle",
    "lamp",
    "chair",
    "table",
    "phone",
    "book",
    "shirt",
)
