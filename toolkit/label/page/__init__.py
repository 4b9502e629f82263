"""The labelling page: a small web server on this machine, keys first, nothing lost."""

from __future__ import annotations
