"""A shelf: kinds of files and tables, each turned into a stream of records. Nothing is lost here.

A part has `claims(source) -> int` (0: not mine; the highest claim reads it) and
`records(source) -> Iterator[Record]`.
"""
