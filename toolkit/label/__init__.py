"""Answers to a queue: the log they are kept in, how they become labelled rows, and a model that answers."""

from __future__ import annotations

from toolkit.label.answers import Answer

__all__ = ["Answer"]
