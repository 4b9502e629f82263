"""A shelf: row formats, the shapes in which trainers and people write an example.

A part has `claims(row) -> int` (0: not mine; the highest claim wins), `parse(row) -> Parsed` and
`write(parsed) -> dict`; writing what was parsed gives a row that parses to the same.
"""
