"""Rows on their way out: what a target is handed, what its provider refuses, what is lost, how long a row is."""
