"""The body of a request, read whole within a size and a time. Knows nothing of what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TypeVar

import msgspec
from aiohttp import web

from signaling.http.problem import Problem

#: For a body to arrive whole; a satellite link with losses needs a few.
BODY_SECONDS = 15.0
JSON = "application/json"

T = TypeVar("T")


async def read_body(
    request: web.Request, types: Collection[str], most: int, *, too_large: str = "body-too-large"
) -> bytes:
    """Return the body of one of the content types, at most `most` bytes.

    Raises Problem: `unsupported-media-type`, `unsupported-encoding`, `body-timeout`, and the code of `too_large`.
    """
    if request.content_type not in types:
        raise Problem("unsupported-media-type", f"send Content-Type: {' or '.join(types)}")
    return await read_any(request, most, too_large=too_large)


async def read_any(request: web.Request, most: int, *, too_large: str = "body-too-large") -> bytes:
    """Return the body, whatever its content type. Raises Problem as `read_body`."""
    encodings = ",".join(request.headers.getall("Content-Encoding", [])).lower().split(",")
    if any(encoding.strip() not in ("", "identity") for encoding in encodings):
        detail = "send the body without Content-Encoding"
        raise Problem("unsupported-encoding", detail, {"Accept-Encoding": "identity"})
    if request.content_length is not None and request.content_length > most:
        raise Problem(too_large, f"at most {most} bytes are taken")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(request, most)
    except TimeoutError:
        raise Problem("body-timeout", f"the body has to arrive within {BODY_SECONDS:g} s") from None
    if len(body) > most:
        raise Problem(too_large, f"at most {most} bytes are taken")
    return body


async def read_json(request: web.Request, form: type[T], most: int) -> T:
    """Return a JSON body as `form`. Raises Problem."""
    body = await read_body(request, (JSON,), most)
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A ValidationError is one of these; it tells the field and what was expected, not what was sent.
        code = "body-invalid" if isinstance(error, msgspec.ValidationError) else "body-malformed"
        raise Problem(code, str(error)[:200]) from None


async def _read(request: web.Request, most: int) -> bytes:
    """Read the body to its end or one byte past the limit."""
    body = bytearray()
    while len(body) <= most:
        more = await request.content.read(most + 1 - len(body))
        if not more:
            break
        body += more
    return bytes(body)
