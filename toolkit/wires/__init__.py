"""A shelf: the APIs whose captured calls can be read, one file each.

A part has `claims(path) -> bool`, `join(events) -> Joined` for the parsed data of a stream, and
`talk(request, reply) -> Talk`, which raises `Odd` where a row cannot say what was said.
"""
