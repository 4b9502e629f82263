"""Anthropic's SDK on the shortest way: what is the same in every call is made once, and hooks nobody set are left out.

A quarter of a call's CPU went into the URL, the headers and the merging of defaults that the SDK has merged already. A
reply that points elsewhere, and a request of any other form, go the usual way.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic
    from anthropic._models import FinalRequestOptions


@cache
def client() -> type[AsyncAnthropic]:
    """The SDK's client, which builds the URL and the headers of one kind of call once.

    Made when it is asked for, since the SDK is heavy and every part of the shelf is imported. Both hooks are
    private: where another SDK has none of these names, they are not called, and it takes its own way.
    """
    import anthropic

    # The SDK tells its class's name to the server.
    class AsyncAnthropic(anthropic.AsyncAnthropic):
        def __init__(self, **told: Any) -> None:
            super().__init__(**told)
            self._known_urls: dict[str, httpx2.URL] = {}
            self._known_headers: dict[object, httpx2.Headers] = {}

        def _prepare_url(self, url: str) -> httpx2.URL:
            found = self._known_urls.get(url)
            if found is None:
                found = self._known_urls[url] = super()._prepare_url(url)
            return found

        def _build_headers(self, options: FinalRequestOptions, *, retries_taken: int = 0) -> httpx2.Headers:
            if self._idempotency_header:  # a header that differs from call to call
                return super()._build_headers(options, retries_taken=retries_taken)
            given = options.headers
            own = tuple(given.items()) if isinstance(given, dict) else ()
            shape = (options.url, retries_taken, str(options.timeout), own)
            if shape not in self._known_headers:
                self._known_headers[shape] = super()._build_headers(options, retries_taken=retries_taken)
            return self._known_headers[shape].copy()

    return AsyncAnthropic


@cache
def connections() -> type[httpx2.AsyncClient]:
    """Its connections over aiohttp. They know no proxies: use their parent where there are some."""
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
