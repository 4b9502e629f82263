"""Repairs that are safe: each changes what carries no meaning, says what it did, and can be undone.

A repair is one file with one frozen dataclass: `on` is what it mends (`line`: bytes of a line, `row`:
the value of a row, `copy`: a row whose equal stood before) and `order` when; `mend` gives the mended
thing, or None where there is nothing to mend. `toolkit fix` runs them and writes the diff.
"""
