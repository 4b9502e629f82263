"""A shelf: the tools whose logs and session files can be read, one file each.

A part has `claims(record) -> int`, how sure it is of one record (0: not its own), and
`take(items) -> Iterator[Taken]`, which says of each record what it gives. A record that no `Taken`
names is counted as no part of a conversation.
"""
