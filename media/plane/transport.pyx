# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The handle of one peer's packet path: made, told where and how to send, read, given back."""

import secrets

from libc.stdint cimport int64_t, uint8_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from media.plane.command cimport (
    COMMAND_ADD_TRANSPORT, COMMAND_ADD_UFRAG, COMMAND_FORGET, COMMAND_REMOVE_TRANSPORT, COMMAND_REMOVE_UFRAG,
    COMMAND_SELECT, COMMAND_SEND, COMMAND_SET_CONSENT, COMMAND_SET_EXTENSIONS, COMMAND_SET_KEYS, COMMAND_SET_PROBE,
    COMMAND_SET_RTT, COMMAND_SET_UPLINK, COMMAND_VALIDATE, Command, CommandKind,
)
from media.plane.estimate cimport Estimate, estimate_init, estimate_settled
from media.plane.linkmeter cimport linkmeter_train_bps
from media.plane.memory cimport allocate_lines, fill_address
from media.plane.model cimport (
    DATAGRAM_CAPACITY, DROP_REASONS, DROP_TABLE_FULL, MAX_RETIRED, TRANSPORT_PLAIN, TRANSPORT_WEBRTC, WATCH_SOCKET,
)
from media.plane.names import DROP_NAMES, PlaneError
from media.plane.net cimport monotonic_ns
from media.plane.pacer cimport Pacer, pacer_init
from media.plane.ranges import SsrcRanges
from media.plane.ratelimit cimport bucket_init
from media.plane.rtp cimport EXTENSION_KINDS, EXTENSION_NONE, EXTENSION_SEND_TIME, EXTENSION_TWCC
from media.plane.roundtrip cimport RTT_HANDSHAKE
from media.plane.roundtrip import SOURCES
from media.plane.senderclock cimport senderclock_error_ns, senderclock_init
from media.plane.sockets import WILDCARDS, tell_destinations
from media.plane.table cimport UFRAG_KEY_MAX_BYTES, ssrc_table_free, ssrc_table_init
from media.plane.thread cimport PlaneThread
from media.plane.twcc cimport TwccHistory, TwccRecorder, twcc_history_init, twcc_recorder_init
from media.plane.uplink cimport Uplink, uplink_init

# STUN checks an address may make: a browser checks every 2.5 s, and at the start a few times a second per candidate.
CHECKS_A_SECOND = 20
DTLS_DATAGRAMS_A_SECOND = 100
# What a transport may tell control of its streams: a simulcast publisher binds four or five at its start.
STREAM_EVENTS_A_SECOND = 20
# SSRCs that may still lose their place (admission.pyx) when a transport is called worn: enough for a few publications.
WORN_BEFORE = 64
# Of a viewer's link, before anything is known of it, and what no link is believed to fall below or rise above.
START_BPS, LEAST_BPS, MOST_BPS = 500_000, 50_000, 1_000_000_000
# Of SSRCs that routes had under the present keys; a transport that gives them out one after another has a few.
SPENT_RANGES = 1024


cdef int _order_ufrag(PlaneTransport transport, CommandKind kind, bytes ufrag) except -1:
    cdef Command *command
    if not 0 < len(ufrag) <= UFRAG_KEY_MAX_BYTES:
        raise ValueError(f"a ufrag has 1 to {<int>UFRAG_KEY_MAX_BYTES} bytes")
    command = transport.begin(kind)
    command.length = len(ufrag)
    memcpy(command.data, <const char *>ufrag, len(ufrag))
    transport.thread.commit()
    return 0


cdef class PlaneTransport(PlaneHandle):
    """One peer's packet path.

    WebRTC: nothing is taken from an address before `validate`, nothing is sent before `select`, no media passes before
    `set_keys`. Plain RTP (`port_socket` given): a port of its own, the far end declared with `select` or latched to
    the first sender (without keys to the next, once that one is silent); `keys` given here hold from the first packet
    on, so that none passes in the clear before.

    `declared_only` for peers whose publications come and go: a stream is known by its MID or its declared SSRC only.

    When it is closed, its publications and routes stop at once but are closed on their own.
    """

    def __cinit__(self):
        self.state = <Transport *>self.own(allocate_lines(sizeof(Transport)))

    def __init__(self, PlaneThread thread, *, receive_ids=None, send_ids=None, cname="huishang", local_ssrc=1,
                 port_socket=None, latch=False, keys=None, reduced_size=False, max_routes=64,
                 declared_only=False):
        cdef Transport *state = self.state
        self.thread = thread
        self.former_keys = []
        self.held_ssrcs = set()
        self.spent_ssrcs = SsrcRanges()
        self.extensions = {}
        self.max_ssrcs = 2 * max_routes
        state.id = self.id
        state.gso = 1
        state.local_ssrc = local_ssrc
        state.rtcp_reduced_size = 1 if reduced_size else 0
        state.declared_only = 1 if declared_only else 0
        name = cname.encode()[:31]
        memcpy(state.cname, <const char *>name, len(name))
        state.cname_length = len(name)
        self._set_socket(port_socket, latch)
        self._agree_extensions(receive_ids or {}, send_ids or {})
        self._write_extensions(state.extension_kinds, state.extension_ids)
        state.arrivals = self.arrivals
        state.sends = self.sends
        state.estimate = self.link
        state.pacer = self.pacer
        seed = secrets.randbits(63)
        failed = ssrc_table_init(&state.ssrcs, thread.state.max_ssrcs + 1, seed)
        failed |= ssrc_table_init(&state.rtx_ssrcs, thread.state.max_ssrcs + 1, seed)
        failed |= ssrc_table_init(&state.route_ssrcs, self.max_ssrcs, seed)
        if failed:
            raise MemoryError
        senderclock_init(&state.sender_clock)
        bucket_init(&state.stun_bucket, CHECKS_A_SECOND, 3 * CHECKS_A_SECOND)
        bucket_init(&state.stranger_stun_bucket, CHECKS_A_SECOND, 3 * CHECKS_A_SECOND)
        bucket_init(&state.dtls_bucket, DTLS_DATAGRAMS_A_SECOND, DTLS_DATAGRAMS_A_SECOND)
        bucket_init(&state.event_bucket, STREAM_EVENTS_A_SECOND, 3 * STREAM_EVENTS_A_SECOND)
        if keys is not None:
            keys.claim()
            sender, receiver = keys.pointers
            state.srtp_sender = <void *><uintptr_t>sender
            state.srtp_receiver = <void *><uintptr_t>receiver
            state.same_ssrc_resend = not keys.is_gcm
            self.keys = keys
        self.hand_over(thread, "transport", COMMAND_ADD_TRANSPORT, COMMAND_REMOVE_TRANSPORT)

    def _set_socket(self, port_socket, latch):
        cdef Transport *state = self.state
        self.socket = port_socket
        if port_socket is None:
            state.kind = TRANSPORT_WEBRTC
            state.socket = &self.thread.state.socket
            return
        state.kind = TRANSPORT_PLAIN
        state.same_ssrc_resend = 1
        state.latch = 1 if latch else 0
        self.own_socket.fd = port_socket.fileno()
        self.own_socket.family = port_socket.family
        self.own_socket.wildcard = port_socket.getsockname()[0] in WILDCARDS
        if self.own_socket.wildcard:
            tell_destinations(port_socket)
        self.own_socket.owned = 1
        self.own_socket.transport = state
        self.own_socket.watch.kind = WATCH_SOCKET
        self.own_socket.watch.object = &self.own_socket
        state.socket = &self.own_socket

    def _agree_extensions(self, receive_ids, send_ids):
        """Add to what was agreed before; an id keeps its meaning while the transport lives."""
        added = {("received", kind): number for kind, number in receive_ids.items()}
        added.update({("sent", kind): number for kind, number in send_ids.items()})
        for (way, kind), number in added.items():
            if not EXTENSION_NONE < kind < EXTENSION_KINDS:
                raise ValueError(f"no header extension has the number {kind}")
            if self.extensions.get((way, kind), number) != number:
                raise PlaneError(f"header extension {kind} has another id already")
        self.extensions.update(added)
        if ("received", EXTENSION_TWCC) in self.extensions and self.arrivals == NULL:
            self.arrivals = <TwccRecorder *>malloc(sizeof(TwccRecorder))
            if self.arrivals == NULL:
                raise MemoryError
            twcc_recorder_init(self.arrivals)
        if ("sent", EXTENSION_TWCC) in self.extensions and self.sends == NULL:
            self.sends = <TwccHistory *>malloc(sizeof(TwccHistory))
            if self.sends == NULL:
                raise MemoryError
            twcc_history_init(self.sends, 1)
            self.link = <Estimate *>malloc(sizeof(Estimate))
            self.pacer = <Pacer *>malloc(sizeof(Pacer))
            if self.link == NULL or self.pacer == NULL:
                raise MemoryError
            estimate_init(self.link, START_BPS, LEAST_BPS, MOST_BPS)
            pacer_init(self.pacer)

    cdef void _write_extensions(self, uint8_t *kinds, uint8_t *ids):
        """Write the plane's two tables; longer ids than one-byte headers carry are left out."""
        memset(kinds, 0, sizeof(self.state.extension_kinds))
        memset(ids, 0, sizeof(self.state.extension_ids))
        for (way, kind), number in self.extensions.items():
            if not 0 < number < 15:
                continue
            if way == "received":
                kinds[<int>number] = kind
            else:
                ids[<int>kind] = number

    def add_extensions(self, receive_ids, send_ids):
        """Take and write more header extensions, as the constructor's; what was agreed before stays.

        Raises PlaneError for one that has another id already.
        """
        cdef Command *command
        before = dict(self.extensions)
        self._agree_extensions(receive_ids, send_ids)
        if self.extensions == before:
            return
        command = self.begin(COMMAND_SET_EXTENSIONS)
        self._write_extensions(command.data, command.data + sizeof(self.state.extension_kinds))
        command.numbers[0] = <int64_t>self.arrivals
        command.numbers[1] = <int64_t>self.sends
        command.numbers[2] = <int64_t>self.link
        command.numbers[3] = <int64_t>self.pacer
        self.thread.commit()

    cdef int estimate_uplink(self) except -1:
        """Estimate the publisher's uplink from now on, and say it by REMB, if it agreed to tell when it sends."""
        cdef Command *command
        if self.uplink != NULL or ("received", EXTENSION_SEND_TIME) not in self.extensions:
            return 0
        self.uplink = <Uplink *>malloc(sizeof(Uplink))
        if self.uplink == NULL:
            raise MemoryError
        uplink_init(self.uplink, LEAST_BPS, MOST_BPS)
        command = self.begin(COMMAND_SET_UPLINK)
        command.numbers[0] = <int64_t>self.uplink
        self.thread.commit()
        return 0

    def add_ufrag(self, bytes ufrag):
        """STUN requests that name this local ufrag are for this transport. Raises ValueError when it is too long."""
        _order_ufrag(self, COMMAND_ADD_UFRAG, ufrag)

    def remove_ufrag(self, bytes ufrag):
        """The same ufrag is nobody's again."""
        _order_ufrag(self, COMMAND_REMOVE_UFRAG, ufrag)

    def validate(self, remote):
        """Take DTLS and media from this address: it has passed a STUN check."""
        cdef Command *command = self.begin(COMMAND_VALIDATE)
        fill_address(&command.remote, remote)
        self.thread.commit()

    def forget(self, remote):
        """Take nothing from this address any more; without effect when it is another transport's by now."""
        cdef Command *command = self.begin(COMMAND_FORGET)
        fill_address(&command.remote, remote)
        self.thread.commit()

    @property
    def refused(self):
        """Whether the thread had no place for one of this transport's ufrags or addresses."""
        return self.state.drops[DROP_TABLE_FULL] > 0

    @property
    def worn(self):
        """Whether so many SSRCs are used up that only new keys help: the peer's, of which soon no new one is heard, or
        those of routes that did not follow one another.
        """
        return self.state.retired_count > MAX_RETIRED - WORN_BEFORE or self.spent_ssrcs.range_count > SPENT_RANGES

    def select(self, remote, local=""):
        """Send to `remote` from the address `local` (empty: the kernel's choice)."""
        cdef Command *command = self.begin(COMMAND_SELECT)
        fill_address(&command.remote, remote)
        fill_address(&command.local, (local, 0))
        self.thread.commit()

    def set_keys(self, keys):
        """Start protecting and unprotecting with an `SrtpKeys`; the transport keeps it.

        Raises PlaneError for keys that are in use, or were used here before.
        """
        cdef Command *command
        sender, receiver = keys.pointers
        command = self.begin(COMMAND_SET_KEYS)
        keys.claim()
        self.spent_ssrcs.clear()
        if self.keys is not None:
            self.former_keys.append(self.keys)      # the thread may be in the middle of using them
        self.keys = keys
        command.numbers[0] = sender
        command.numbers[1] = receiver
        command.numbers[2] = not keys.is_gcm
        self.thread.commit()

    cdef int hold_ssrcs(self, set ssrcs) except -1:
        """Keep SSRCs for a route.

        Raises PlaneError for one that a route has, or had under the present keys: the second stream would begin its
        numbers anew, and protect its packets with nonces of the first (RFC 3711 section 9.1).
        """
        if not ssrcs.isdisjoint(self.held_ssrcs):
            raise PlaneError("another route of this transport has the SSRC")
        if any(ssrc in self.spent_ssrcs for ssrc in ssrcs):
            raise PlaneError("the SSRC was sent under the present keys; choose another, or renew the keys first")
        if len(self.held_ssrcs) + len(ssrcs) > self.max_ssrcs:
            raise PlaneError(f"the transport takes {self.max_ssrcs} SSRCs of routes, its limit")
        self.held_ssrcs |= ssrcs
        return 0

    cdef int release_ssrcs(self, set ssrcs) except -1:
        """The route that had these SSRCs is closed."""
        self.held_ssrcs -= ssrcs
        if self.keys is not None:
            for ssrc in ssrcs:
                self.spent_ssrcs.add(ssrc)
        return 0

    def set_consent(self, bytes username, bytes key):
        """Let the plane answer ordinary checks with this USERNAME ("ours:theirs") and our ICE password."""
        cdef Command *command
        if len(username) + len(key) > DATAGRAM_CAPACITY:
            return
        command = self.begin(COMMAND_SET_CONSENT)
        command.numbers[0] = len(username)
        command.length = len(username) + len(key)
        memcpy(command.data, <const char *>username, len(username))
        memcpy(command.data + len(username), <const char *>key, len(key))
        self.thread.commit()

    @property
    def consent_seconds(self):
        """Monotonic seconds of the last check that the plane answered, 0.0 for none."""
        return self.state.consent_ns / 1e9

    def set_rtt(self, double seconds):
        """Tell how long the way to the peer and back is, as the handshake showed; NACKs and capture time use it."""
        cdef Command *command = self.begin(COMMAND_SET_RTT)
        command.numbers[0] = <int64_t>(seconds * 1e9)
        command.numbers[1] = RTT_HANDSHAKE
        self.thread.commit()

    def send(self, bytes data, remote, local=""):
        """Send one datagram as it is, through the plane's socket; too large ones raise ValueError."""
        cdef Command *command
        if len(data) > DATAGRAM_CAPACITY:
            raise ValueError("the datagram is larger than a command carries")
        command = self.begin(COMMAND_SEND)
        fill_address(&command.remote, remote)
        fill_address(&command.local, (local, 0))
        command.length = len(data)
        memcpy(command.data, <const char *>data, len(data))
        self.thread.commit()

    def stats(self):
        """Counters of this transport; `heard_ns` is the monotonic time of the last authenticated packet, 0 for none.

        Of a publisher also what its capture times rest on: the round trip, which source told it, and by how much they
        may be off, None before its first sender report.
        """
        cdef Transport *state = self.state
        cdef int64_t error_ns = senderclock_error_ns(&state.sender_clock, monotonic_ns())
        return {
            "received_packets": state.received_packets,
            "received_octets": state.received_octets,
            "sent_packets": state.sent_packets,
            "sent_octets": state.sent_octets,
            "heard_ns": state.last_heard_ns,
            "feedback_received": state.twcc_reported,
            "feedback_lost": state.twcc_lost,
            "segmentation": bool(state.gso),
            "remote": bool(state.has_remote),
            "rtt_ms": state.sender_clock.rtt_ns / 1e6,
            "rtt_source": SOURCES[state.sender_clock.rtt_source],
            "capture_error_ms": error_ns / 1e6 if error_ns >= 0 else None,
            "drops": {DROP_NAMES[at]: state.drops[at] for at in range(DROP_REASONS) if state.drops[at]},
        }

    @property
    def estimate(self):
        """What a viewer's transport-wide feedback says of its link, None as long as it has said nothing.

        What may be sent (bits/s) now, and when the queue is gone; how fast packets arrive that left together, 0 before
        there were some; what waits in the link now (ms); the share that is lost; the round trip (ms); whether the link
        was ever found full: before, the rate is only as far as it has been tried.
        """
        if self.link == NULL or self.link.updated_ns == 0:
            return None
        return {
            "bps": self.link.target_bps,
            "train_bps": linkmeter_train_bps(&self.link.meter),
            "queue_ms": self.link.meter.queue_us / 1e3,
            "loss": self.link.meter.loss_share,
            "rtt_ms": self.link.meter.rtt_ns / 1e6,
            "settled_bps": estimate_settled(self.link),
            "was_full": bool(self.link.was_full),
        }

    @property
    def full_bps(self):
        """What may be sent (bits/s) when its queue is gone on a link that was found full; -1: none is known to be."""
        if self.link == NULL or not self.link.was_full:
            return -1
        return estimate_settled(self.link)

    @property
    def drains(self):
        """Whether less is sent than the viewer's link carries, so that its queue goes."""
        return self.link != NULL and bool(self.link.draining)

    @property
    def is_estimated(self):
        """Whether the viewer has agreed to tell what arrives."""
        return self.link != NULL

    def probe(self, int64_t bps, int packets=0):
        """Fill the viewer's link with padding up to this rate, all that is sent counted; 0: no more.

        `packets` of padding leave together besides, once. Holds for a second, and ends when a queue begins. Without
        transport-wide feedback and RTX nothing is sent.
        """
        cdef Command *command = self.begin(COMMAND_SET_PROBE)
        command.numbers[0] = bps
        command.numbers[1] = packets
        self.thread.commit()

    cdef void _free_tables(self) noexcept:
        ssrc_table_free(&self.state.ssrcs)
        ssrc_table_free(&self.state.rtx_ssrcs)
        ssrc_table_free(&self.state.route_ssrcs)
        free(self.arrivals)
        free(self.uplink)
        free(self.sends)
        free(self.link)
        free(self.pacer)
        self.arrivals = self.state.arrivals = NULL
        self.uplink = self.state.uplink = NULL
        self.sends = self.state.sends = NULL
        self.link = self.state.estimate = NULL
        self.pacer = self.state.pacer = NULL

    def _freed(self):
        # Whoever still holds the handle wants its counters, not its tables and its port.
        self._free_tables()
        self.keys = None
        self.former_keys.clear()
        if self.socket is not None:
            self.socket.close()
        PlaneHandle._freed(self)

    def __dealloc__(self):
        if self.state != NULL:
            self._free_tables()
