"""How long a prompt is at most, without a tokenizer."""

from __future__ import annotations

import orjson

from toolkit.core.request import Request

FRAME = 16
SHAPED = 1024


def no_more_tokens_than(request: Request) -> int:
    """An upper bound of a prompt's tokens: one holds at least one byte, and each message has a frame.

    For English it is about four times the count. Schemas and tools are sent with a preamble of the
    server's own, for which there is room.
    """
    told = sum(len(message.content.encode()) + FRAME for message in request.messages) + 4 * FRAME
    told += sum(len(orjson.dumps(message.calls)) for message in request.messages if message.calls)
    for extra in (request.schema, request.tools, request.params.get("tools")):
        if extra:
            told += len(orjson.dumps(extra)) + SHAPED
    return told
