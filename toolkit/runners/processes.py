"""Batches side by side, in processes of this machine.

The workers are joblib's (loky): started by `exec`, so neither threads nor a script without a main
guard trouble them, and gone when this process is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

One = TypeVar("One")
Made = TypeVar("Made")
LOCAL = "toolkit_local_"
"""How modules of the user's own parts are named: a worker cannot import them, so they travel whole."""


def mapped(work: Callable[[One], Made], pieces: Iterable[One], *, spread: bool = True) -> Iterator[Made]:
    """What `work` makes of each piece, in order; a few pieces are in flight at a time, so memory is bounded.

    spread: False does the work here, which small inputs are faster with. `work`, the pieces and the
    results must pickle. What `work` raises is raised here.
    """
    workers = cores()
    if not spread or workers < 2:
        yield from map(work, pieces)
        return
    from cloudpickle import register_pickle_by_value
    from joblib import Parallel, delayed

    for name in [name for name in sys.modules if name.startswith(LOCAL)]:
        register_pickle_by_value(sys.modules[name])
    with Parallel(n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch=workers + 2) as pool:
        yield from pool(delayed(work)(piece) for piece in pieces)


def cores() -> int:
    """The cores that this process may use; `TOOLKIT_CORES` in the environment says otherwise."""
    asked = os.environ.get("TOOLKIT_CORES", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
