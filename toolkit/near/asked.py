"""Prompts that can be known again in another set: neither blank nor the same in many rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.near.pairs import exact_groups
from toolkit.store.columns import null_where_blank

MANY, SHARE = 10, 0.01
"""Rows with one prompt from which it says nothing of a row: more than 10 and 1 % of all."""


def own_prompts(prompts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The prompts of one set, null where blank and where many rows share them."""
    filled = null_where_blank(prompts)
    first = exact_groups(filled)
    common = np.bincount(first, minlength=len(first))[first] > max(MANY, SHARE * len(first))
    return pc.if_else(pa.array(common), pa.scalar(None, pa.large_string()), filled)
