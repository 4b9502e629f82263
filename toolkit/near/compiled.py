"""One decorator for compiled kernels: cached on disk where a disk may be written, silent where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile `function` on first call, without the GIL; the machine code is kept between runs.

    Numba looks for NUMBA_CACHE_DIR, then `__pycache__`, then the user's cache folder, and raises
    RuntimeError when none of them can be written (a read-only container). Then we compile anew.
    """
    try:
        return cast(F, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        return cast(F, numba.njit(nogil=True)(function))
