"""The errors of the SDP package, so that an HTTP or SIP shell can answer with a code without reading prose.

SdpError                 anything below; `code` is stable and goes into problem details
├── SdpMalformed         sdp-malformed         it is not a session description
├── SdpTooLarge          sdp-too-large         it breaks a bound of `sdp.parse`
└── SdpRefused           a sound description that we cannot serve
    ├── SdpNoCommonCodec sdp-no-common-codec   no codec that we relay (or that the source has)
    ├── SdpNoBundle      sdp-no-bundle         several media lines on several transports
    ├── SdpNoRtcpMux     sdp-no-rtcp-mux       RTCP wants a port of its own
    ├── SdpNoFingerprint sdp-no-fingerprint    no usable SHA-256 certificate fingerprint
    ├── SdpNoIce         sdp-no-ice            no usable ICE credentials, or nobody would send checks
    ├── SdpBadSetup      sdp-bad-setup         the DTLS roles cannot be agreed
    ├── SdpBadDirection  sdp-bad-direction     a publisher that sends nothing, a viewer that receives nothing
    └── SdpBadReoffer    sdp-bad-reoffer       a later offer changes what must stay as it was
"""

from __future__ import annotations

from typing import ClassVar


class SdpError(Exception):
    """Base of the package's errors. `line` counts from 1; 0 when no single line is to blame."""

    code: ClassVar[str] = "sdp-malformed"

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


class SdpMalformed(SdpError):
    code = "sdp-malformed"


class SdpTooLarge(SdpError):
    code = "sdp-too-large"


class SdpRefused(SdpError):
    """A sound description that we cannot serve; never raised itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


class SdpNoCommonCodec(SdpRefused):
    code = "sdp-no-common-codec"


class SdpNoBundle(SdpRefused):
    code = "sdp-no-bundle"


class SdpNoRtcpMux(SdpRefused):
    code = "sdp-no-rtcp-mux"


class SdpNoFingerprint(SdpRefused):
    code = "sdp-no-fingerprint"


class SdpNoIce(SdpRefused):
    code = "sdp-no-ice"


class SdpBadSetup(SdpRefused):
    code = "sdp-bad-setup"


class SdpBadDirection(SdpRefused):
    code = "sdp-bad-direction"


class SdpBadReoffer(SdpRefused):
    code = "sdp-bad-reoffer"
