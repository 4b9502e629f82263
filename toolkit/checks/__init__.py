"""A shelf: what can be wrong with rows. A check looks and reports; it drops nothing and knows no bar.

A part has `reads` (the columns it looks at) and `look(batch, view)`, called for every batch in one
shared pass over the file, or `run(view)`, which sees the whole data set. Both yield findings and
facts. `scope` is `input` (every row that was read), `kept` (the rows that stay) or `split`. A check
that cannot look raises `Skip`; one that has nothing to look at raises `NotApplicable`.
"""
