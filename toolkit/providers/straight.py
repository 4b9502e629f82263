"""An HTTP client for an SDK that hands requests to its transport as they are.

What it leaves out costs an eighth of a call's CPU and serves no call of ours: merging of defaults that the SDK
has merged already, authentication, cookies, hooks. A reply that points elsewhere goes the usual way.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2


@cache
def straight() -> type[httpx2.AsyncClient]:
    """Anthropic's client over aiohttp on the shortest way. It knows no proxies: use its parent where there are some.

    Made when it is asked for, since the SDK is heavy and every part of the shelf is imported.
    """
    import httpx2
    from anthropic import DefaultAioHttpClient

    class Straight(DefaultAioHttpClient):
        def build_request(self, method: str, url: httpx2.URL | str, **told: Any) -> httpx2.Request:
            """A request of what the SDK gives, which is whole; anything less usual is built by the parent."""
            plain = {"content", "headers", "timeout"}
            if any(value is not None for name, value in told.items() if name not in plain):
                return super().build_request(method, url, **told)
            limits = {"timeout": httpx2.Timeout(told["timeout"]).as_dict()}
            return httpx2.Request(method, url, content=told.get("content"), headers=told["headers"], extensions=limits)

        async def send(self, request: httpx2.Request, *, stream: bool = False, **told: Any) -> httpx2.Response:
            if stream:
                return await super().send(request, stream=stream, **told)
            response = await self._transport.handle_async_request(request)
            response.request = request
            try:
                await response.aread()
            finally:
                await response.aclose()
            return await super().send(request, **told) if response.has_redirect_location else response

    return Straight
