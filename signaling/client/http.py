"""WHIP and WHEP over HTTP as a client speaks them (RFC 9725, draft-ietf-wish-whep): one resource.

Thin shell over aiohttp; it knows nothing of media.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from signaling.client.errors import HttpFailed, HttpRefused
from signaling.client.retry import retry_seconds

_SDP: Final = "application/sdp"
_FRAGMENT: Final = "application/trickle-ice-sdpfrag"
_MAX_ANSWER_BYTES: Final = 256 * 1024
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
#: For a cancelled POST's answer and the DELETE together.  A server answers in milliseconds, a line by satellite in
#: one or two seconds; whoever ends us kills after five.
_TAKE_BACK_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How to reach a server.

    `token` goes into `Authorization: Bearer`.  `ca_file` is a PEM file of authorities to trust besides the
    system's (None: the system's alone).
    """

    token: str | None = None
    ca_file: Path | None = None


@lru_cache(maxsize=16)
def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Loading the system's authorities takes tens of milliseconds, so a process does it once."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    return context


class SignalingResource:
    """The session resource on the server: made by POST, changed by PATCH, ended by DELETE.

    To be closed with `close`, whatever happened before.
    """

    def __init__(self, options: HttpOptions) -> None:
        """Set up inside a running loop.  Raises OSError or ssl.SSLError for an unusable `ca_file`."""
        self._options = options
        self._http = self._connections()
        self.location: str | None = None
        """Absolute URL of the session, None before POST and after DELETE."""

    def _connections(self) -> aiohttp.ClientSession:
        headers = {} if self._options.token is None else {"Authorization": f"Bearer {self._options.token}"}
        connector = aiohttp.TCPConnector(ssl=_tls_context(self._options.ca_file), limit=2)
        return aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def post(self, url: str, offer: str) -> str:
        """Send the offer, remember the session's URL, return the answer.

        Raises HttpRefused or HttpFailed.  Cancelled, it first ends what it may have made, within a few seconds.
        """
        headers = {"Content-Type": _SDP, "Accept": _SDP}
        asking = asyncio.ensure_future(self._exchange("POST", url, offer, headers))
        try:
            status, answer, location = await asyncio.shield(asking)
        except asyncio.CancelledError:
            await self._take_back(asking)
            raise
        if status != 201 or not answer:
            raise HttpFailed("http-bad-answer", f"status {status} where 201 and an answer were due")
        if location:
            self.location = location
        return answer

    async def _take_back(self, asking: asyncio.Future[tuple[int, str, str | None]]) -> None:
        """End the session of a POST that nobody waits for any more, once its answer tells which it is."""
        try:
            async with asyncio.timeout(_TAKE_BACK_SECONDS):
                _, _, self.location = await asking
                await self.delete()
        except (TimeoutError, HttpFailed, HttpRefused):
            return

    async def restart_ice(self, fragment: str) -> str:
        """Send new ICE credentials; return the server's (RFC 9725 section 4.3.2).

        Raises HttpRefused (also when the server cannot restart) or HttpFailed.
        """
        if self.location is None:
            raise HttpFailed("http-bad-answer", "the server gave the session no URL")
        # A connection of before may lead over a network that is gone, and would only tell by its silence.
        former, self._http = self._http, self._connections()
        await former.close()
        headers = {"Content-Type": _FRAGMENT, "If-Match": "*"}
        status, answer, _ = await self._exchange("PATCH", self.location, fragment, headers)
        if status != 200 or not answer:
            raise HttpFailed("http-bad-answer", f"status {status} where 200 and credentials were due")
        return answer

    async def delete(self) -> None:
        """End the session on the server; an error of it is of no interest to anybody any more."""
        if self.location is None:
            return
        url, self.location = self.location, None
        try:
            await self._exchange("DELETE", url, None, {})
        except (HttpFailed, HttpRefused):
            return

    async def close(self) -> None:
        """Close the HTTP connections (the session on the server stays)."""
        await self._http.close()

    async def _exchange(
        self, method: str, url: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, str | None]:
        try:
            async with self._http.request(method, url, data=body, headers=headers) as response:
                raw = await response.content.read(_MAX_ANSWER_BYTES + 1)
                while len(raw) <= _MAX_ANSWER_BYTES and (more := await response.content.read(_MAX_ANSWER_BYTES)):
                    raw += more
                if len(raw) > _MAX_ANSWER_BYTES:
                    raise HttpFailed("http-bad-answer", "the answer is too long")
                text = raw.decode(errors="replace")
                if response.status >= 300:
                    raise _refusal(response, text)
                location = response.headers.get("Location")
                # Relative to the URL that answered, which redirects may have changed.
                absolute = urljoin(str(response.url), location) if location else None
                if absolute is not None and _origin(absolute) != _origin(str(response.url)):
                    # Every further request would take the token there.
                    raise HttpFailed("http-bad-answer", "the session is on another server than the one asked")
                return response.status, text, absolute
        except TimeoutError:
            raise HttpFailed("http-timeout", f"{url} did not answer in time") from None
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            raise HttpFailed("http-unreachable", f"{url}: {error}") from None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port.  Raises ValueError for an impossible port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _refusal(response: aiohttp.ClientResponse, text: str) -> HttpRefused:
    """Read problem details (RFC 9457) when there are some, and when to come again."""
    headers = response.headers
    wait = retry_seconds(response.status, headers.get("Retry-After"), headers.get("Date"), datetime.now(UTC))
    if response.content_type == "application/problem+json":
        try:
            problem = json.loads(text)
        except ValueError:
            problem = None
        if isinstance(problem, dict):
            code = problem.get("code")
            reason = problem.get("detail") or problem.get("title") or ""
            return HttpRefused(
                response.status, code if isinstance(code, str) else "http-refused", str(reason)[:500], wait
            )
    return HttpRefused(response.status, "http-refused", text[:200], wait)
