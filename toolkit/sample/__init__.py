"""Which rows of real use to label next: a queue with a reason for each row, and what it is worth."""
