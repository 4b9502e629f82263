"""Programs that nobody has read, run in a child process with limits on time, memory, files and output.

This is not a security sandbox. The child runs with the user's own rights: it may read what the user may
read, and nothing keeps it from the network. The limits keep an endless loop or a full memory from
taking the machine along. Run programs of a model that you do not trust in a container of your own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MB = 1 << 20
SHOWN = 20_000
START = """\
import resource, sys
cpu, memory, size = map(int, sys.argv[1:4])
for kind, most in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, size),
                   (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_CORE, 0)):
    with_hard = min(most, resource.getrlimit(kind)[1]) if resource.getrlimit(kind)[1] >= 0 else most
    resource.setrlimit(kind, (with_hard, with_hard))
path = sys.argv[4]
del sys.argv[1:], resource
with open(path, encoding="utf-8") as file:
    source = file.read()
exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})
"""
"""The child sets its own limits before it reads the program, which cannot raise them again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """cpu_s: seconds of CPU. wall_s: seconds in all. memory_mb: address space. output_mb: of any one file."""

    cpu_s: int = 3
    wall_s: float = 8.0
    memory_mb: int = 1024
    output_mb: int = 1


class Ran(NamedTuple):
    """code: exit status, negative for a signal. fault: why it did not end well, in words, or empty."""

    code: int
    out: str
    err: str
    fault: str


def run_python(program: str, limits: Limits = Limits(), *, stdin: str = "", packages: bool = False) -> Ran:
    """Run Python source in an empty folder with an empty environment. packages: installed ones may be imported."""
    with tempfile.TemporaryDirectory(prefix="toolkit-") as folder:
        home = Path(folder)
        (home / "program.py").write_text(program, encoding="utf-8", errors="replace")
        (home / "stdin").write_text(stdin, encoding="utf-8", errors="replace")
        told = [str(limits.cpu_s), str(limits.memory_mb * MB), str(limits.output_mb * MB), str(home / "program.py")]
        flags = ["-I"] if packages else ["-I", "-S"]
        code, late = _run([sys.executable, *flags, "-c", START, *told], home, limits.wall_s)
        out, err = _text(home / "out"), _text(home / "err")
    return Ran(code, out, err, _fault(code, err, late, limits))


def _run(command: list[str], home: Path, wall_s: float) -> tuple[int, bool]:
    """The exit status, and whether time ran out; then the whole process group is killed."""
    work = home / "work"
    work.mkdir()
    with (home / "stdin").open() as given, (home / "out").open("w") as out, (home / "err").open("w") as err:
        child = subprocess.Popen(  # noqa: S603 - the command is our own interpreter
            command, cwd=work, env={"PYTHONHASHSEED": "0"}, stdin=given, stdout=out, stderr=err, start_new_session=True
        )
        late = False
        try:
            child.wait(wall_s)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return child.returncode, late


def _fault(code: int, err: str, late: bool, limits: Limits) -> str:
    if late:
        return f"it ran for over {limits.wall_s:g} s"
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and not err):
        return f"it used over {limits.cpu_s} s of CPU"
    if code < 0:
        return f"it was ended by signal {-code}"
    last = next((line for line in reversed(err.splitlines()) if line.strip()), "")
    return f"it failed: {last[:200]}" if code else ""


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(SHOWN).decode("utf-8", "replace")
