"""A shelf: targets, the trainers and providers that rows are handed to.

A part has `takes`, the shapes of rows that it can hold, each with the mode in which it takes them;
`reads`, the row format that reads a row of each mode back; `keys`, those of messages that it keeps (None
for all); `store`, how files lie (`jsonl`, `arrow` or `parquet`); `profile`, the provider's page of rules,
or an empty text; `names`, what a part of the split is called where it has another name; `shards`, whether
a part may be several files. `convert` makes one row or raises Unfit. `beside` may write further files.
"""
