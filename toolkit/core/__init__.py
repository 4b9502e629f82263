"""Nouns: row, finding, fact, part, error. Imports nothing of the toolkit above itself."""
