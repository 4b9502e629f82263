"""Capture: traffic of a model's API into the frame log, and the frame log into rows.

proxy, upstream, framing    the door that any program can go through
record, privacy             how a call is written down, and what is not
compact, thread, wire_*     the log as calls (Parquet) and rows (JSON lines)
"""

from __future__ import annotations
