"""Refusals over HTTP: problem details (RFC 9457) with a code of ours, made from any error a handler may meet.

One table says which status a code has; a code without an entry is a fault of ours and answers 500.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from dispatch.errors import Refused
from dispatch.sources import SourceError
from media.plane.names import PlaneError
from media.stills import StillBusy, StillError, StillNone, StillUnfit
from signaling.dtls.certificate import DtlsError
from signaling.ice.types import IceError
from signaling.sdp.errors import SdpError
from signaling.webrtc.errors import ExchangeError

_log = structlog.get_logger(__name__)

#: code -> (status, title)
CODES: dict[str, tuple[int, str]] = {
    "unauthorized": (401, "A bearer token is needed"),
    "token-expired": (401, "The access token has run out"),
    "signin-refused": (401, "Login or password is wrong"),
    "welcome-unknown": (401, "The one-time link is not good"),
    "session-over": (401, "The sign-in is over"),
    "too-many-attempts": (429, "Too many attempts"),
    "password-wrong": (403, "The old password is another"),
    "password-own": (409, "One's own password is changed with the old one"),
    "origin-foreign": (403, "The request comes from another site"),
    "forbidden": (403, "This is not allowed to you"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "unsupported-media-type": (415, "The body has another content type than expected"),
    "unsupported-encoding": (415, "The body is compressed"),
    "websocket-needed": (426, "Only a WebSocket is served here"),
    "body-too-large": (413, "The body is too large"),
    "body-incomplete": (400, "The body did not arrive whole"),
    "body-timeout": (408, "The body did not arrive in time"),
    "body-malformed": (400, "The body is not JSON"),
    "body-invalid": (422, "The body does not fit the description"),
    "query-invalid": (422, "The query does not fit the description"),
    "cursor-invalid": (422, "The cursor did not come from here"),
    "device-invalid": (400, "The header Huishang-Device cannot be used"),
    "person-needed": (403, "Only somebody who is signed in by name can do this"),
    "etag-missing": (428, "If-Match is needed"),
    "etag-mismatch": (412, "The session has a newer ICE generation"),
    "source-unknown": (404, "No such source"),
    "source-invalid": (400, "The source's identifier or name cannot be used"),
    "source-limit": (503, "The node has as many sources as it may"),
    "picture-none": (409, "The source sends no picture"),
    "picture-off": (409, "The chair has cut this picture off"),
    "still-unfit": (409, "No still can be made of this picture"),
    "still-none": (503, "No picture came in time"),
    "track-unknown": (404, "The recording has no such track"),
    "segment-unknown": (404, "The recording has no such segment"),
    "segment-missing": (404, "The file is not there, or is not as it was recorded"),
    "segment-deleted": (410, "The file was deleted by policy"),
    "copy-unfit": (422, "There is no such copy of this file"),
    "range-empty": (404, "Nothing was recorded in this time"),
    "range-too-long": (422, "This is too much for one playlist"),
    "range-invalid": (416, "The file has no such bytes"),
    "export-limit": (429, "So many exports are waiting already"),
    "export-no-room": (507, "There is no room for the file"),
    "export-too-long": (422, "This is too much for one file"),
    "export-tracks": (422, "A bundle holds all tracks, and a clip those of one source"),
    "export-unmade": (409, "There is no file yet"),
    "hls-unfit": (409, "HLS does not carry what this track is coded in"),
    "session-unknown": (404, "No such session"),
    "session-limit": (503, "The node has as many sessions as it may"),
    "sdp-malformed": (400, "The body is not a session description"),
    "sdp-too-large": (413, "The session description is too large"),
    "sdp-no-common-codec": (406, "No codec in common"),
    "sdp-no-bundle": (406, "Media must be bundled on one transport"),
    "sdp-no-rtcp-mux": (406, "rtcp-mux is needed"),
    "sdp-no-fingerprint": (400, "No usable certificate fingerprint"),
    "sdp-no-ice": (400, "No usable ICE credentials"),
    "sdp-bad-setup": (400, "The DTLS roles cannot be agreed"),
    "sdp-bad-direction": (400, "The media directions do not fit the request"),
    "sdp-bad-reoffer": (409, "A later offer changes what must stay as it was"),
    "lines-invalid": (400, "The lines make no sense"),
    "line-unknown": (404, "No such line"),
    "import-busy": (503, "Another file is being brought in"),
    "offer-rate": (429, "Offers come too fast"),
    "client-gone": (499, "The client left before its turn"),
    "node-busy": (503, "More is asked of the node than it can answer in time"),
    "node-unwell": (503, "The node does not do all it should"),
    "node-stopping": (503, "The node stops"),
    "plane-busy": (503, "The packet plane does not answer"),
    "internal": (500, "A fault of the server"),
}
#: kind of a refusal by dispatch (`dispatch.errors`), which keeps its own code -> (status, title). A bound of dispatch
#: is mostly on one thing, such as the participants of a consultation, and no fault of the node: not 503, which
#: programs between us and the client take for one and ask again.
KINDS: dict[str, tuple[int, str]] = {
    "unknown": (404, "There is no such thing"),
    "forbidden": (403, "You have no right to this"),
    "invalid": (422, "A value cannot be used"),
    "conflict": (409, "It does not fit the present state"),
    "full": (429, "A limit is reached"),
    "unavailable": (503, "The node cannot do this just now"),
    "refused": (500, "A fault of the server"),
}
_STILLS: dict[type[StillError], str] = {
    StillNone: "still-none",
    StillUnfit: "still-unfit",
    StillBusy: "node-busy",
}
#: Seconds after which asking again is worth while (RFC 9725 section 4.5), whatever there is none of.
RETRY_SECONDS = 2
#: Of a response: its code, for who counts refusals.
_CODE = web.ResponseKey("code", str)


class Problem(Exception):
    """Refuse the request in hand with a code of `CODES`, or any code when `kind` is one of `KINDS`.

    `field` names the value that cannot be used; `more` are further members of the details (RFC 9457 section 3.2).
    """

    def __init__(
        self,
        code: str,
        detail: str,
        headers: dict[str, str] | None = None,
        *,
        kind: str = "",
        field: str = "",
        more: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.kind = kind
        self.field = field
        self.more = more or {}

    def response(self) -> web.Response:
        """Return the refusal as a response."""
        status, title = KINDS[self.kind] if self.kind else CODES[self.code]
        body = {
            "type": f"urn:huishang:problem:{self.code}",
            "title": title,
            "status": status,
            "code": self.code,
            "detail": self.detail,
            **({"field": self.field} if self.field else {}),
            **self.more,
        }
        response = web.Response(
            status=status,
            body=json.dumps(body).encode(),
            content_type="application/problem+json",
            headers={**({"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}), **self.headers},
        )
        response[_CODE] = self.code
        return response


def refusal_code(response: web.StreamResponse) -> str:
    """Return the code that a response refuses with, "" when it does not."""
    code: str = response.get(_CODE, "")
    return code


def problem_of(error: Exception) -> Problem:
    """Return the refusal an error of a lower layer becomes."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return Problem(error.code, str(error), kind=error.kind, field=error.field)
    if isinstance(error, SdpError | SourceError | ExchangeError):
        return Problem(error.code, str(error))
    if isinstance(error, DtlsError):
        return Problem("sdp-no-fingerprint", str(error))
    if isinstance(error, IceError):
        return Problem("sdp-no-ice", str(error))
    if isinstance(error, ConnectionError | HttpProcessingError | web.RequestPayloadError):
        # The peer left in the middle, or its framing or compression is broken: nothing that we should log.
        return Problem("body-incomplete", "the connection or the coding of the body broke off")
    if isinstance(error, StillError):
        return Problem(_STILLS[type(error)], str(error))
    if isinstance(error, PlaneError):
        return Problem("plane-busy", str(error))
    if isinstance(error, web.HTTPNotFound):
        return Problem("not-found", "no page and no interface has this address")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem("method-not-allowed", f"allowed: {allowed}", {"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem("body-too-large", "the body is larger than the server takes")
    _log.error("request_failed", exc_info=error)
    return Problem("internal", "the server met a fault; its log tells more")


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every error of a handler into problem details."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem_of(error).response()
    except Exception as error:  # so broad, because a fault in one request must not end the connection others use
        return problem_of(error).response()
