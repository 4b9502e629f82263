"""Which rows of real use to label next: a queue with a reason for each row, and what it is worth."""

from __future__ import annotations

from toolkit.sample.driver import Sampled, sample
from toolkit.sample.error import production_error
from toolkit.sample.look import Given, SampleOptions
from toolkit.sample.outputs import write_for
from toolkit.sample.queue import QueueRow, read_queue
from toolkit.sample.simulate import Simulated, simulate_on

__all__ = [
    "Given",
    "QueueRow",
    "SampleOptions",
    "Sampled",
    "Simulated",
    "production_error",
    "read_queue",
    "sample",
    "simulate_on",
    "write_for",
]
