"""Batches side by side, in processes of this machine.

The workers are joblib's (loky): started by `exec`, so neither threads nor a script without a main
guard trouble them. They end with this process, however it ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from toolkit.core.errors import MachineError
from toolkit.core.own_code import LOCAL

One = TypeVar("One")
Made = TypeVar("Made")


def mapped(work: Callable[[One], Made], pieces: Iterable[One], *, spread: bool = True) -> Iterator[Made]:
    """What `work` makes of each piece, in order; a few pieces are in flight at a time, so memory is bounded.

    spread: False does the work here, which small inputs are faster with. `work`, the pieces and the
    results must pickle. What `work` raises is raised here; MachineError when a process was killed.
    """
    workers = cores()
    if not spread or workers < 2:
        yield from map(work, pieces)
        return
    from cloudpickle import register_pickle_by_value
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    _start_trackers()
    for name in [name for name in sys.modules if name.startswith(LOCAL)]:
        register_pickle_by_value(sys.modules[name])
    begun = {"initializer": _end_with, "initargs": (os.getpid(),)}
    try:
        with Parallel(n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch=workers + 2, **begun) as pool:
            with _no_interrupt():
                found = pool(delayed(work)(piece) for piece in pieces)
            yield from found
    except TerminatedWorkerError as failure:
        what = "a process of this run was killed, as a machine does that runs out of memory"
        raise MachineError(what, "set TOOLKIT_CORES=1, or use a machine with more memory") from failure


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Processes started meanwhile never see a Ctrl-C, which is this one's to answer; here it waits for the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Their processes clean up after a run that was killed, without a word about it on its standard error."""
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as of_loky

    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker" + (f",{before}" if before else "")
    try:
        resource_tracker.ensure_running()
        of_loky.ensure_running()
    finally:
        os.environ.pop("PYTHONWARNINGS")
        os.environ.update({} if before is None else {"PYTHONWARNINGS": before})


def _end_with(parent: int) -> None:
    """End this worker when its parent is gone: it would wait for work for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def cores() -> int:
    """The cores that this process may use; `TOOLKIT_CORES` in the environment says otherwise."""
    asked = os.environ.get("TOOLKIT_CORES", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
