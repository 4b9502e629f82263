"""Ways to choose the rows that are worth a label: one file each."""
