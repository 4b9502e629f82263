"""One decorator for compiled kernels: cached on disk where a disk may be written, silent where not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file of kernels."""
    files = sorted((path, path.stat()) for path in Path(__file__).parent.glob("*.py"))
    return tuple((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in files)


_STAMP = _stamp()


def kernel(function: F) -> F:
    """Compile `function` on first call, without the GIL; the machine code is kept between runs.

    Numba looks for NUMBA_CACHE_DIR, then `__pycache__`, then the user's cache folder, and raises
    RuntimeError when none of them can be written (a read-only container). Then we compile anew.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return cast(F, numba.njit(nogil=True)(function))
    # Numba looks at the file of a kernel, not at the kernels that it calls from other files: a
    # change there would run old code. A test fails should this attribute get another name.
    compiled._cache._cache_file._source_stamp = _STAMP
    return cast(F, compiled)
