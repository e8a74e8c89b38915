"""Consent that runs out soon, on a machine that may stand still for longer than that."""

from __future__ import annotations

import time

import pytest

from signaling.ice import controlling, lite
from signaling.webrtc import session as session_module
from signaling.webrtc.session import WebRtcSession

CONSENT_SECONDS = 0.6
CHECKS_SECONDS = 0.1


@pytest.fixture
def silenced(monkeypatch: pytest.MonkeyPatch) -> list[WebRtcSession]:
    """Consent for a fraction of RFC 7675's 30 s, so that nobody has to wait for them, and asked for as often.

    Who never sends a check is given up as soon.

    Sessions that are not in this list are judged only just after a check of their peer: after a stall of the machine
    the check of a living peer may still wait to be sent or read.
    """
    silent: list[WebRtcSession] = []
    check = WebRtcSession.check

    def patient_check(session: WebRtcSession) -> None:
        heard_seconds_ago = time.monotonic() - session.transport.consent_seconds
        if session in silent or heard_seconds_ago < CONSENT_SECONDS / 2:
            check(session)

    for module in (lite, session_module):
        monkeypatch.setattr(module, "CONSENT_SECONDS", CONSENT_SECONDS)
    monkeypatch.setattr(lite, "FIRST_CHECK_SECONDS", CONSENT_SECONDS)
    monkeypatch.setattr(controlling, "CONSENT_INTERVAL_SECONDS", CHECKS_SECONDS)
    monkeypatch.setattr(WebRtcSession, "check", patient_check)
    return silent
