"""Contracts: what rows must look like, as YAML; compiled to a Great Expectations suite and to SQL.

Great Expectations judges (how many rows, passed or not, on which version), SQL names the rows: its
own list of failing rows takes seconds at a million rows and carries the users' text.
"""
