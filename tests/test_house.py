"""The shape of the house: imports go down only, no circles, a light command line, small files and functions."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit

PACKAGE = Path(toolkit.__file__).parent
FLOORS = {
    "cli": 7,
    "pipeline": 6,
    "demo": 6,
    "renderers": 6,
    "checks": 4,
    "repairs": 4,
    "defects": 4,
    "formats": 4,
    "files": 4,
    "providers": 4,
    "recipes": 4,
    "samplers": 4,
    "gates": 4,
    "contracts": 4,
    "trainers": 4,
    "wires": 4,
    "targets": 4,
    "importers": 4,
    "outbound": 3,
    "chat": 3,
    "near": 3,
    "stats": 3,
    "runners": 3,
    "store": 2,
    "core": 1,
}
"""Every room's floor; a verb, that is any other file or folder of the package, stands on floor 5."""
VERB = 5
HEAVY = (
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "anthropic",
    "datasets",
    "torch",
    "great_expectations",
    "pydantic",
    "rich",
)


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(path: Path, *, top: bool = False) -> Iterator[str]:
    """The modules of the toolkit that a file imports; with `top`, only where the import runs with the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _running(tree) if top else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the file is imported: not those in functions or under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _running(node)


def _floor(module: str) -> int:
    parts = module.split(".")
    return FLOORS.get(parts[1], VERB) if len(parts) > 1 else VERB + 3


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_down(module: str) -> None:
    if module in ("toolkit", "toolkit.__main__"):
        return
    for target in _imports(MODULES[module]):
        if target.startswith("toolkit.") and target in MODULES:
            assert _floor(target) <= _floor(module), f"{module} imports {target}, which stands above it"


def test_no_import_circle() -> None:
    arrows = {
        module: {t for t in _imports(path, top=True) if t in MODULES and t != module}
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for target in sorted(arrows[module]):
                visit(target, (*trail, module))
            done.add(module)

    for module in arrows:
        visit(module, ())


def test_what_is_imported_is_declared() -> None:
    import tomllib
    from importlib.metadata import packages_distributions

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_name(line) for line in project["dependencies"]}
    owners = packages_distributions()
    for path in MODULES.values():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module and node.level == 0 else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                root = name.split(".")[0]
                if root in sys.stdlib_module_names or root == "toolkit":
                    continue
                owned = {_name(owner) for owner in owners.get(root, [root])}
                assert owned & declared, f"{path.name} imports {root}, which pyproject.toml does not declare"


def _name(requirement: str) -> str:
    import re

    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from toolkit.cli import main; code = main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "verify" in done.stdout


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_and_functions_are_small(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    assert text.count("\n") <= 400, f"{module} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            limit = 80 if module.startswith("toolkit.cli.") else 60  # a command's options are its signature
            assert length <= limit, f"{module}.{node.name} has {length} lines"


def test_modules_say_what_they_are() -> None:
    for module, path in MODULES.items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{module} has no docstring"


def test_the_repository_names_no_machine() -> None:
    """No absolute paths, hosts of registries or keys in what is shipped."""
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=PACKAGE.parent, check=False
    ).stdout.splitlines()
    suffixes = (".py", ".md", ".yaml", ".toml", ".json", ".html", ".j2", ".txt", "Makefile", "run")
    words = ("/ro" "ot/", "/ho" "me/", "/us" "r/local/", "127.0.0.1:80" "80/simple", "/wo" "rk/")  # fmt: skip
    for name in listed:
        path = PACKAGE.parent / name
        if name.endswith(suffixes) and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not [word for word in words if word in text], f"{name} names a machine"
