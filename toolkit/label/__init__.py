"""Answers to a queue: the log they are kept in, how they become labelled rows, and a model that answers."""

from __future__ import annotations

from toolkit.label.answers import Answer
from toolkit.label.by_model import Asking, Labelled, label_by_model
from toolkit.label.merge import Merged, merge

__all__ = ["Answer", "Asking", "Labelled", "Merged", "label_by_model", "merge"]
