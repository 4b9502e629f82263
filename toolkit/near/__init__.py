"""Near things: shingles, joins, components. Pure functions over Arrow strings and numpy; no I/O."""
