"""Capture: traffic of a model's API into the frame log, and the frame log into rows.

proxy, upstream, framing    the door that any program can go through; heads: what it reads once
transport                   the door inside an application that uses httpx2
record, privacy             how a call is written down, and what is not
compact, thread, feedback   the log as calls (Parquet), rows and preference pairs (JSON lines)
imports, records            the logs of other tools as rows
"""

from __future__ import annotations
