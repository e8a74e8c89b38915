"""One DTLS association that yields SRTP keys (RFC 5764), over datagrams handed in and out.

OpenSSL does the handshake through memory; this core bounds it, cuts its output into datagrams, checks the
peer's fingerprint, exports the keys and lets go of OpenSSL's memory as soon as the protocol allows.
No sockets; `now` is an argument, but OpenSSL's own retransmission timer runs on the machine's clock, so `now`
must advance with real time while a handshake lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from OpenSSL import SSL

from signaling.dtls.alerts import AlertChannel
from signaling.dtls.certificate import Fingerprint, FingerprintError
from signaling.dtls.context import DATAGRAM_BYTES, DtlsContext, PeerCheck
from signaling.dtls.profiles import EXPORTER_LABEL, SrtpProfile, profile_named

HANDSHAKE_SECONDS: Final = 30.0
#: For so long a server must be able to repeat its last flight, unless `confirm` ends the doubt earlier.
LAST_FLIGHT_SECONDS: Final = 10.0
MAX_DATAGRAM_BYTES: Final = 1500
#: A handshake needs some ten datagrams; a bucket of tokens makes a flood of ClientHellos cheap.
_BUCKET_DATAGRAMS: Final = 64.0
_DATAGRAMS_PER_SECOND: Final = 50.0
_RECORD_HEADER_BYTES: Final = 13
_READ_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """The peer proved to own the certificate of its fingerprint; keys are key||salt as libsrtp takes them."""

    profile: SrtpProfile
    local_key_salt: bytes
    remote_key_salt: bytes


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """No association came about; the endpoint is at rest (drain its last datagram, an alert, once more).

    `code` is one of dtls-fingerprint-mismatch, dtls-no-srtp-profile, dtls-timeout, dtls-handshake.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer ended the association with an authentic alert."""


Event = HandshakeCompleted | HandshakeFailed | PeerClosed


class DtlsEndpoint:
    """One association.  Mutate once, then drain fully (`datagrams_to_send`, `next_event`, `get_timer`)."""

    def __init__(self, context: DtlsContext, fingerprints: Sequence[Fingerprint], *, is_client: bool) -> None:
        """Set up; the peer's certificate must have one of `fingerprints`.

        Raises FingerprintError when there are none.
        """
        if not fingerprints:
            raise FingerprintError("no fingerprint to check the peer against")
        self.is_client = is_client
        self.established = False
        self.dropped = 0
        """Datagrams without effect: too long, too many, not DTLS, after the end."""
        self._context = context
        self._check = PeerCheck(tuple(fingerprints))
        self._connection: SSL.Connection | None = None
        self._alerts: AlertChannel | None = None
        self._deadline: float | None = None
        self._retransmission: float | None = None
        self._tokens = _BUCKET_DATAGRAMS
        self._tokens_at = 0.0
        self._datagrams: deque[bytes] = deque()
        self._events: deque[Event] = deque()

    @property
    def holds_connection(self) -> bool:
        """Whether OpenSSL's memory (tens of kilobytes) is still in use."""
        return self._connection is not None

    def start(self, now: float) -> None:
        """Begin: the client sends its first flight, the server waits; 30 s are left from here.

        To be called once, when the path to the peer is known.
        """
        self._deadline = now + HANDSHAKE_SECONDS
        self._tokens_at = now
        self._connection = self._context.connect(self._check, is_client=self.is_client)
        if self.is_client:
            self._advance(now)

    def receive(self, datagram: bytes, now: float) -> None:
        """Process one datagram whose first byte is 20 to 63; bad ones are counted, nothing is raised."""
        if not _RECORD_HEADER_BYTES <= len(datagram) <= MAX_DATAGRAM_BYTES or not 20 <= datagram[0] <= 25:
            self.dropped += 1
            return
        if self._alerts is not None:
            if self._alerts.closes(datagram):
                self._finish(PeerClosed())
            return
        if self._connection is None or not self._take_token(now):
            self.dropped += 1
            return
        self._connection.bio_write(datagram)
        if self.established:
            self._read(self._connection)
            self._collect()
        else:
            self._advance(now)

    def datagrams_to_send(self) -> list[bytes]:
        """Return and forget what has to be sent, each at most 1,200 bytes."""
        datagrams = list(self._datagrams)
        self._datagrams.clear()
        return datagrams

    def next_event(self) -> Event | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called (monotonic seconds), None when at rest."""
        if self._retransmission is None or self._deadline is None:
            return self._deadline
        return min(self._retransmission, self._deadline)

    def handle_timer(self, now: float) -> None:
        """Do what is due: retransmission, giving up, letting go of memory.  Early calls do no harm."""
        if self._deadline is None:
            return
        if now >= self._deadline:
            if self.established:
                self.confirm()
            else:
                self._fail("dtls-timeout", "handshake took longer than 30 s")
        elif self._connection is not None and not self.established:
            try:
                self._connection.DTLSv1_handle_timeout()
            except SSL.Error as error:
                self._fail("dtls-handshake", _text(error))
                return
            self._collect()
            self._arm(now)

    def confirm(self) -> None:
        """Note that the peer has our last flight, as its first authentic SRTP packet proves.

        Frees OpenSSL's memory at once instead of after 10 s.  Does nothing unless established.
        """
        if not self.established or self._connection is None:
            return
        self._deadline = None
        self._alerts = AlertChannel.take_over(self._connection, is_client=self.is_client)
        if self._alerts is not None:
            self._connection = None

    def close(self) -> None:
        """End the association: an established peer is told (one datagram to drain), no event follows."""
        if self._alerts is not None:
            self._datagrams.append(self._alerts.seal_close_notify())
        elif self._connection is not None and self.established:
            with suppress(SSL.Error):
                self._connection.shutdown()
            self._collect()
        self._rest()

    def _take_token(self, now: float) -> bool:
        earned = max(0.0, now - self._tokens_at) * _DATAGRAMS_PER_SECOND
        self._tokens = min(_BUCKET_DATAGRAMS, self._tokens + earned)
        self._tokens_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _advance(self, now: float) -> None:
        connection = self._connection
        assert connection is not None
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            self._collect()
            self._arm(now)
        except SSL.Error as error:
            self._collect()
            if self._check.mismatch:
                self._fail("dtls-fingerprint-mismatch", "the peer's certificate is not the one in its SDP")
            else:
                self._fail("dtls-handshake", _text(error))
        else:
            self._collect()
            self._complete(connection, now)

    def _complete(self, connection: SSL.Connection, now: float) -> None:
        self._retransmission = None
        profile = profile_named(connection.get_selected_srtp_profile())
        if profile is None:
            self.established = True
            self.close()
            self._fail("dtls-no-srtp-profile", "the peer offers no SRTP profile that we accept")
            return
        size = 2 * (profile.key_bytes + profile.salt_bytes)
        client, server = profile.split_keys(connection.export_keying_material(EXPORTER_LABEL, size))
        local, remote = (client, server) if self.is_client else (server, client)
        self.established = True
        self._events.append(HandshakeCompleted(profile, local, remote))
        self._deadline = now + LAST_FLIGHT_SECONDS
        if self.is_client:
            # The last flight was the server's: nothing of ours can be asked for again.
            self.confirm()

    def _read(self, connection: SSL.Connection) -> None:
        """Let OpenSSL see what came after the handshake; it repeats its last flight by itself."""
        try:
            while connection.recv(MAX_DATAGRAM_BYTES):
                pass
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self._finish(PeerClosed())

    def _arm(self, now: float) -> None:
        assert self._connection is not None
        timeout = self._connection.DTLSv1_get_timeout()
        self._retransmission = None if timeout is None else now + timeout

    def _collect(self) -> None:
        """Cut what OpenSSL wrote, records in a row, into datagrams of whole records."""
        if self._connection is None:
            return
        output = b""
        while True:
            try:
                output += self._connection.bio_read(_READ_BYTES)
            except SSL.WantReadError:
                break
        start = end = 0
        while end < len(output):
            following = end + _RECORD_HEADER_BYTES + int.from_bytes(output[end + 11 : end + 13], "big")
            if following - start > DATAGRAM_BYTES and end > start:
                self._datagrams.append(output[start:end])
                start = end
            end = following
        if output:
            self._datagrams.append(output[start:])

    def _fail(self, code: str, reason: str) -> None:
        self._finish(HandshakeFailed(code, reason))

    def _finish(self, event: Event) -> None:
        self._rest()
        self._events.append(event)

    def _rest(self) -> None:
        self.established = False
        self._connection = None
        self._alerts = None
        self._deadline = None
        self._retransmission = None


def _text(error: SSL.Error) -> str:
    """OpenSSL's reason in a few words; its error queue is a list of (library, function, reason)."""
    try:
        return str(error.args[0][-1][-1]) or "refused"
    except (IndexError, TypeError):
        return "refused"
