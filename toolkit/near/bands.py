"""The keys of the bands, one band at a time: from memory, or from disk where the rows are many."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import MachineError
from toolkit.near.lanes import Plan, sketch
from toolkit.near.normal import Normal
from toolkit.near.scan import Sets
from toolkit.near.shingles import Kind

Keys: TypeAlias = npt.NDArray[np.uint32]
# Bytes of keys, above which they go through a file, CHUNK rows at a time.
IN_MEMORY = 1 << 28
CHUNK = 1 << 18


@contextmanager
def bands_of(rows: Normal, kind: Kind, lanes: Any, plan: Plan, sets: Sets) -> Iterator[Callable[[int], Keys]]:
    """A function from a band to its keys (n,), as often as one likes; fills `sets` as `sketch` does.

    Over IN_MEMORY bytes the keys are in a temporary file without a name, 4 bytes a band a row, and
    one band of them is in memory. MachineError when the disk does not take them.
    """
    n = len(rows.start)
    if 4 * plan.bands * n <= IN_MEMORY:
        keys = np.empty((plan.bands, n), np.uint32)
        fill(rows, kind, lanes, plan, sets, keys)
        yield keys.__getitem__
        return
    with tempfile.TemporaryFile(buffering=0) as file:
        _spill(rows, kind, lanes, plan, sets, file)

        def read(band: int) -> Keys:
            file.seek(4 * band * n)
            return np.fromfile(file, np.uint32, n)

        yield read


def fill(rows: Normal, kind: Kind, lanes: Any, plan: Plan, sets: Sets, keys: npt.NDArray[np.uint32]) -> None:
    """Sketch every row, on every core; `keys` is (bands, n)."""

    def work(low: int, high: int) -> None:
        sketch(rows, kind, low, high, lanes, plan.rows, sets, keys)

    on_every_core(work, len(rows.start))


def on_every_core(work: Callable[[int, int], None], n: int) -> None:
    """Run `work(low, high)` on parts of range(n); the kernels hold no lock."""
    cores = min(os.cpu_count() or 1, 8)
    if n < 4096 or cores == 1:
        work(0, n)
        return
    bounds = np.linspace(0, n, 4 * cores + 1).astype(int).tolist()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))


def _spill(rows: Normal, kind: Kind, lanes: Any, plan: Plan, sets: Sets, file: IO[bytes]) -> None:
    n = len(rows.start)
    for low in range(0, n, CHUNK):
        part = slice(low, min(n, low + CHUNK))
        some = Normal(rows.data, rows.start[part], rows.stop[part])
        keys = np.empty((plan.bands, len(some.start)), np.uint32)
        filters = Sets(sets.sizes[part], sets.bitmaps[part], sets.wide[part], sets.minima[part], sets.agree)
        fill(some, kind, lanes, plan, filters, keys)
        try:
            for band in range(plan.bands):
                file.seek(4 * (band * n + low))
                file.write(keys[band].data)
        except OSError as error:
            raise MachineError(
                f"{4 * plan.bands * n / 1e9:.1f} GB of keys do not fit in {tempfile.gettempdir()} ({error.strerror})",
                "free the disk, or set TMPDIR to a folder with room",
            ) from error
