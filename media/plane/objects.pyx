# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Handles of the plane's objects for control: allocate, hand over, read counters, take back.

A handle's memory belongs to its plane thread from construction until the thread has answered `close()`; the thread
keeps the handle alive that long. Counters are read while the thread writes them: each is one aligned word.
"""

import socket as sockets

from libc.stdint cimport int64_t, uint32_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from media.plane.command cimport (
    COMMAND_ADD_PUBLICATION, COMMAND_ADD_ROUTE, COMMAND_ADD_TRACK, COMMAND_ADD_TRANSPORT, COMMAND_ADD_UFRAG,
    COMMAND_REMOVE_PUBLICATION, COMMAND_REMOVE_ROUTE, COMMAND_REMOVE_TRACK, COMMAND_REMOVE_TRANSPORT,
    COMMAND_REMOVE_UFRAG, COMMAND_SELECT, COMMAND_SEND, COMMAND_SET_CONSENT, COMMAND_SET_KEYS, COMMAND_SET_ROUTE, COMMAND_SET_RTT, COMMAND_VALIDATE,
    COMMAND_WANT_KEYFRAME, Command,
)
from media.plane.datagram cimport address_to_name
from media.plane.model cimport (
    DATAGRAM_CAPACITY, DROP_REASONS, IDENTIFIER_CAPACITY, MAX_DECLARED_SSRCS, MAX_LAYERS, MAX_PAYLOAD_TYPES,
    TRANSPORT_PLAIN, TRANSPORT_WEBRTC, WATCH_SOCKET, PacketSlot, Stream,
)
from media.plane.names import CODECS, DROP_NAMES, PlaneError
from media.plane.ratelimit cimport bucket_init
from media.plane.receive cimport ReceiveReport, receive_init, receive_report
from media.plane.rewrite cimport rewrite_init
from media.plane.senderclock cimport RTT_HANDSHAKE, senderclock_init, streamclock_init
from media.plane.table cimport ssrc_table_free, ssrc_table_init
from media.plane.twcc cimport TwccHistory, TwccRecorder, twcc_history_init, twcc_recorder_init

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size) noexcept

cdef enum:
    VIDEO_CACHE_PACKETS = 512   # 0.5 s at 8 Mb/s, 2 s at 2 Mb/s: longer than a satellite round trip
    AUDIO_CACHE_PACKETS = 64

# STUN checks an address may make: a browser checks every 2.5 s, and at the start a few times a second per candidate.
CHECKS_A_SECOND = 20
DTLS_DATAGRAMS_A_SECOND = 100
RESENDS_A_SECOND = 500
# What a transport may tell control of its streams: a simulcast publisher binds four or five at its start.
STREAM_EVENTS_A_SECOND = 20

cdef uint64_t _last_id = 0
cdef dict _alive = {"transport": 0, "track": 0, "publication": 0, "route": 0, "tap": 0, "mirror": 0}


def live_objects():
    """Count the objects whose memory is allocated, by kind: all zero once every thread is closed."""
    return dict(_alive)


cdef void *allocate_lines(size_t size) noexcept:
    """Allocate cleared memory on a cache line's boundary; NULL without memory."""
    cdef void *memory = NULL
    if posix_memalign(&memory, 64, size):
        return NULL
    memset(memory, 0, size)
    return memory


cdef int count_live(str kind, int change) except -1:
    _alive[kind] += change
    return 0


cdef uint64_t next_id() noexcept:
    global _last_id
    _last_id += 1
    return _last_id


cdef int fill_address(Address *address, object pair) except -1:
    """Fill from (text, port); an empty text is no address."""
    host, port = pair
    memset(address, 0, sizeof(Address))
    if host:
        packed = sockets.inet_pton(sockets.AF_INET6, host if ":" in host else f"::ffff:{host}")
        memcpy(address.ip, <const char *>packed, 16)
    address.port = port
    return 0


cdef class PlaneTransport:
    """One peer's packet path.

    WebRTC: nothing is taken from an address before `validate`, nothing is sent before `select`, no media passes before
    `set_keys`. Plain RTP (`port_socket` given): a port of its own, the far end declared with `select` or latched to
    the first sender; keys optional.
    """

    def __cinit__(self):
        self.state = <Transport *>allocate_lines(sizeof(Transport))
        if self.state == NULL:
            raise MemoryError
        self.id = next_id()

    def __init__(self, PlaneThread thread, *, receive_ids=None, send_ids=None, cname="huishang", local_ssrc=1,
                 port_socket=None, latch=False, reduced_size=False, max_routes=64):
        cdef Transport *state = self.state
        self.thread = thread
        self.former_keys = []
        thread.adopt(self, state)
        count_live("transport", 1)
        state.id = self.id
        state.gso = 1
        state.local_ssrc = local_ssrc
        state.rtcp_reduced_size = 1 if reduced_size else 0
        name = cname.encode()[:31]
        memcpy(state.cname, <const char *>name, len(name))
        state.cname_length = len(name)
        self._set_socket(port_socket, latch)
        self._set_extensions(receive_ids or {}, send_ids or {})
        seed = self.id * 0x9E3779B97F4A7C15 & 0x7FFFFFFFFFFFFFFF
        failed = ssrc_table_init(&state.ssrcs, thread.state.max_ssrcs + 1, seed)
        failed |= ssrc_table_init(&state.rtx_ssrcs, thread.state.max_ssrcs + 1, seed)
        failed |= ssrc_table_init(&state.route_ssrcs, 2 * max_routes, seed)
        if failed:
            raise MemoryError
        senderclock_init(&state.sender_clock)
        bucket_init(&state.stun_bucket, CHECKS_A_SECOND, 3 * CHECKS_A_SECOND)
        bucket_init(&state.stranger_stun_bucket, CHECKS_A_SECOND, 3 * CHECKS_A_SECOND)
        bucket_init(&state.dtls_bucket, DTLS_DATAGRAMS_A_SECOND, DTLS_DATAGRAMS_A_SECOND)
        bucket_init(&state.event_bucket, STREAM_EVENTS_A_SECOND, 3 * STREAM_EVENTS_A_SECOND)
        thread.order(COMMAND_ADD_TRANSPORT, state)

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
        self.own_socket.wildcard = 0
        self.own_socket.owned = 1
        self.own_socket.transport = state
        self.own_socket.watch.kind = WATCH_SOCKET
        self.own_socket.watch.object = &self.own_socket
        state.socket = &self.own_socket

    def _set_extensions(self, receive_ids, send_ids):
        cdef Transport *state = self.state
        for kind, identifier in receive_ids.items():
            if 0 < identifier < 15:
                state.extension_kinds[identifier] = kind
        for kind, identifier in send_ids.items():
            if 0 < identifier < 15:
                state.extension_ids[kind] = identifier
        if 5 in receive_ids:
            state.arrivals = <TwccRecorder *>malloc(sizeof(TwccRecorder))
            if state.arrivals == NULL:
                raise MemoryError
            twcc_recorder_init(state.arrivals)
        if 5 in send_ids:
            state.sends = <TwccHistory *>malloc(sizeof(TwccHistory))
            if state.sends == NULL:
                raise MemoryError
            twcc_history_init(state.sends, 1)

    cdef Command *_begin(self, CommandKind kind) except NULL:
        if self.closing:
            raise PlaneError("the transport has been closed")
        return self.thread.begin(kind, self.state)

    def add_ufrag(self, bytes ufrag):
        """STUN requests that name this local ufrag are for this transport."""
        cdef Command *command = self._begin(COMMAND_ADD_UFRAG)
        command.length = len(ufrag)
        memcpy(command.data, <const char *>ufrag, len(ufrag))
        self.thread.commit()

    def remove_ufrag(self, bytes ufrag):
        cdef Command *command = self._begin(COMMAND_REMOVE_UFRAG)
        command.length = len(ufrag)
        memcpy(command.data, <const char *>ufrag, len(ufrag))
        self.thread.commit()

    def validate(self, remote):
        """Take DTLS and media from this address: it has passed a STUN check."""
        cdef Command *command = self._begin(COMMAND_VALIDATE)
        fill_address(&command.remote, remote)
        self.thread.commit()

    def select(self, remote, local=""):
        """Send to `remote` from the address `local` (empty: the kernel's choice)."""
        cdef Command *command = self._begin(COMMAND_SELECT)
        fill_address(&command.remote, remote)
        fill_address(&command.local, (local, 0))
        self.thread.commit()

    def set_keys(self, keys):
        """Start protecting and unprotecting with an `SrtpKeys`; the transport keeps it."""
        cdef Command *command
        sender, receiver = keys.pointers
        command = self._begin(COMMAND_SET_KEYS)
        if self.keys is not None:
            self.former_keys.append(self.keys)      # the thread may be in the middle of using them
        self.keys = keys
        command.numbers[0] = sender
        command.numbers[1] = receiver
        command.numbers[2] = not keys.is_gcm
        self.thread.commit()

    def set_consent(self, bytes username, bytes key):
        """Let the plane answer ordinary checks with this USERNAME ("ours:theirs") and our ICE password."""
        cdef Command *command
        if len(username) + len(key) > DATAGRAM_CAPACITY:
            return
        command = self._begin(COMMAND_SET_CONSENT)
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
        cdef Command *command = self._begin(COMMAND_SET_RTT)
        command.numbers[0] = <int64_t>(seconds * 1e9)
        command.numbers[1] = RTT_HANDSHAKE
        self.thread.commit()

    def send(self, bytes data, remote, local=""):
        """Send one datagram as it is, through the plane's socket; too large ones raise ValueError."""
        cdef Command *command
        if len(data) > DATAGRAM_CAPACITY:
            raise ValueError("the datagram is larger than a command carries")
        command = self._begin(COMMAND_SEND)
        fill_address(&command.remote, remote)
        fill_address(&command.local, (local, 0))
        command.length = len(data)
        memcpy(command.data, <const char *>data, len(data))
        self.thread.commit()

    def stats(self):
        """Counters of this transport; `heard_ns` is the monotonic time of the last authenticated packet, 0 for none."""
        cdef Transport *state = self.state
        return {
            "received_packets": state.received_packets,
            "received_octets": state.received_octets,
            "sent_packets": state.sent_packets,
            "sent_octets": state.sent_octets,
            "heard_ns": state.last_heard_ns,
            "feedback_received": state.twcc_reported,
            "feedback_lost": state.twcc_lost,
            "segmentation": bool(state.gso),
            "remote": state.has_remote,
            "drops": {DROP_NAMES[at]: state.drops[at] for at in range(DROP_REASONS) if state.drops[at]},
        }

    def close(self):
        """Give the transport back; its publications and routes stop at once but are closed on their own."""
        if not self.closing:
            self.thread.order(COMMAND_REMOVE_TRANSPORT, self.state)
            self.closing = 1

    def _freed(self):
        self.closing = 2
        ssrc_table_free(&self.state.ssrcs)
        ssrc_table_free(&self.state.rtx_ssrcs)
        ssrc_table_free(&self.state.route_ssrcs)
        free(self.state.arrivals)
        free(self.state.sends)
        self.state.arrivals = NULL
        self.state.sends = NULL
        self.keys = None
        self.former_keys.clear()
        if self.socket is not None:
            self.socket.close()
        count_live("transport", -1)

    def __dealloc__(self):
        free(self.state)


cdef class PlaneTrack:
    """A source's picture or sound on one plane thread; routes hang here while publishers come and go."""

    def __cinit__(self):
        self.state = <Track *>calloc(1, sizeof(Track))
        if self.state == NULL:
            raise MemoryError
        self.id = next_id()

    def __init__(self, PlaneThread thread, bint is_video):
        self.thread = thread
        self.is_video = is_video
        self.state.id = self.id
        self.state.is_video = is_video
        thread.adopt(self, self.state)
        count_live("track", 1)
        thread.order(COMMAND_ADD_TRACK, self.state)

    def want_keyframe(self, int layer=0):
        """Ask whoever publishes for a keyframe, as soon as the pause between requests allows."""
        cdef Command *command
        if self.closing:
            raise PlaneError("the track has been closed")
        command = self.thread.begin(COMMAND_WANT_KEYFRAME, self.state)
        command.numbers[0] = layer
        self.thread.commit()

    @property
    def route_count(self):
        return self.state.route_count

    def close(self):
        """Give the track back. Close its publications and routes first: they point to it."""
        if not self.closing:
            self.closing = 1
            self.thread.order(COMMAND_REMOVE_TRACK, self.state)

    def _freed(self):
        self.closing = 1
        count_live("track", -1)

    def __dealloc__(self):
        free(self.state)


cdef Stream *new_stream(bint is_video) except NULL:
    """Allocate a stream with an empty cache; `free_stream` takes it back."""
    cdef Stream *stream = <Stream *>calloc(1, sizeof(Stream))
    cdef uint32_t count = VIDEO_CACHE_PACKETS if is_video else AUDIO_CACHE_PACKETS
    cdef uint32_t index
    if stream == NULL:
        raise MemoryError
    # malloc, not calloc: pages of a cache that never fills stay untouched but for the first line of each slot.
    stream.cache = <PacketSlot *>malloc(count * sizeof(PacketSlot))
    if stream.cache == NULL:
        free(stream)
        raise MemoryError
    for index in range(count):
        stream.cache[index].ext = -1
    stream.cache_mask = count - 1
    stream.id = next_id()
    stream.key = stream.id << 24    # room for 16 million restarts below the next stream's keys
    receive_init(&stream.receive, 90000)
    streamclock_init(&stream.clock, 90000)
    return stream


cdef void free_stream(Stream *stream) noexcept:
    if stream != NULL:
        free(stream.cache)
        free(stream)


cdef class PlanePublication:
    """One media line of a publisher, feeding a track.

    `payload_types`: (number, encoding, clock rate, repaired payload type or 0). `rids`: simulcast layers in the order
    of the offer; empty for one layer. `ssrcs`: declared (media, RTX or 0) pairs; empty when undeclared.
    """

    def __cinit__(self):
        self.state = <Publication *>calloc(1, sizeof(Publication))
        if self.state == NULL:
            raise MemoryError
        self.id = next_id()

    def __init__(self, PlaneTransport transport, PlaneTrack track, *, bytes mid, payload_types, rids=(), ssrcs=(),
                 nack=True, pli=True, fir=False):
        cdef Publication *state = self.state
        cdef int layer
        if transport.thread is not track.thread:
            raise PlaneError("a publication's transport and track are on different plane threads")
        self.transport = transport
        self.track = track
        state.id = self.id
        state.transport = transport.state
        state.track = track.state
        state.is_video = track.is_video
        state.level_dbov = -127 * 256
        state.nack = nack
        state.pli = pli
        state.fir = fir
        state.mid_length = min(len(mid), IDENTIFIER_CAPACITY)
        memcpy(state.mid, <const char *>mid, state.mid_length)
        self._set_formats(payload_types, rids, ssrcs)
        for layer in range(state.layer_count):
            state.streams[layer] = new_stream(track.is_video)
            state.streams[layer].publication = state
            state.streams[layer].track = track.state
            state.streams[layer].layer = layer
            state.streams[layer].sender_clock = &transport.state.sender_clock
        transport.thread.adopt(self, state)
        count_live("publication", 1)
        transport.thread.order(COMMAND_ADD_PUBLICATION, state)

    def _set_formats(self, payload_types, rids, ssrcs):
        cdef Publication *state = self.state
        state.layer_count = max(1, min(len(rids), MAX_LAYERS))
        for at, rid in enumerate(rids[:MAX_LAYERS]):
            state.rid_lengths[at] = min(len(rid), IDENTIFIER_CAPACITY)
            memcpy(state.rids[at], <const char *>rid, state.rid_lengths[at])
        for number, codec, clock_rate, rtx_for in payload_types[:MAX_PAYLOAD_TYPES]:
            state.payload_types[state.payload_type_count].number = number
            state.payload_types[state.payload_type_count].codec = codec
            state.payload_types[state.payload_type_count].clock_rate = clock_rate
            state.payload_types[state.payload_type_count].rtx_for = rtx_for
            state.payload_type_count += 1
        for media, rtx in ssrcs[:MAX_DECLARED_SSRCS]:
            state.declared_ssrcs[state.declared_count] = media
            state.declared_rtx_ssrcs[state.declared_count] = rtx
            state.declared_count += 1

    @property
    def codec(self):
        """Encoding name of what arrives, empty before the first packet."""
        return CODECS[self.state.streams[0].codec]

    @property
    def level_dbov(self):
        """Smoothed audio level, 0 loudest, -127 silence (RFC 6464)."""
        return self.state.level_dbov / 256.0

    def stats(self):
        """One dict a layer: what arrived, what is missing, and `heard_ns`, the monotonic time of the last packet."""
        cdef Stream *stream
        cdef int layer
        found = []
        for layer in range(self.state.layer_count):
            stream = self.state.streams[layer]
            expected = stream.receive.highest_ext - stream.receive.base_ext + 1 if stream.packets else 0
            found.append(
                {
                    "ssrc": stream.ssrc,
                    "codec": CODECS[stream.codec],
                    "packets": stream.packets,
                    "octets": stream.octets,
                    "expected": expected,
                    "lost": max(0, expected - stream.receive.received - stream.recovered),
                    "recovered": stream.recovered,
                    "jitter": stream.receive.jitter_q4 / 16.0 / max(1, stream.receive.clock_rate),
                    "keyframes": stream.keyframes,
                    "keyframe_requests": stream.keyframe_requests,
                    "nacks": stream.nacks_sent,
                    "heard_ns": stream.last_packet_ns,
                    "report_ns": stream.last_sr_ns,
                }
            )
        return found

    def close(self):
        if not self.closing:
            self.closing = 1
            self.transport.thread.order(COMMAND_REMOVE_PUBLICATION, self.state)

    def _freed(self):
        self.closing = 1
        count_live("publication", -1)

    def __dealloc__(self):
        cdef int layer
        if self.state != NULL:
            for layer in range(MAX_LAYERS):
                free_stream(self.state.streams[layer])
            free(self.state)


cdef class PlaneRoute:
    """An edge from a track to a transport, with the state that keeps the viewer's stream continuous.

    `payload_types`: CodecId -> (payload type, RTX payload type or 0) of what the viewer negotiated.
    """

    def __cinit__(self):
        self.state = <Route *>allocate_lines(sizeof(Route))
        if self.state == NULL:
            raise MemoryError
        self.id = next_id()

    def __init__(self, PlaneTrack track, PlaneTransport transport, *, uint32_t ssrc, uint32_t rtx_ssrc=0,
                 payload_types, uint32_t clock_rate, uint32_t first_timestamp, int first_sequence, int layer=0):
        cdef Route *state = self.state
        if transport.thread is not track.thread:
            raise PlaneError("a route's track and transport are on different plane threads")
        self.transport = transport
        self.track = track
        state.id = self.id
        state.track = track.state
        state.transport = transport.state
        state.ssrc = ssrc
        state.rtx_ssrc = rtx_ssrc
        state.layer = layer
        for codec, (number, rtx) in payload_types.items():
            state.payload_types[codec] = number
            state.rtx_payload_types[codec] = rtx
        rewrite_init(&state.rewrite, first_sequence, first_timestamp, clock_rate)
        bucket_init(&state.resend_bucket, RESENDS_A_SECOND, RESENDS_A_SECOND)
        transport.thread.adopt(self, state)
        count_live("route", 1)
        transport.thread.order(COMMAND_ADD_ROUTE, state)

    def set(self, *, bint paused=False, int layer=0):
        """Pause or resume, and choose the layer; both take effect at the next keyframe."""
        cdef Command *command
        if self.closing:
            raise PlaneError("the route has been closed")
        command = self.transport.thread.begin(COMMAND_SET_ROUTE, self.state)
        command.numbers[0] = paused
        command.numbers[1] = layer
        self.transport.thread.commit()

    def stats(self):
        """Counters of this route and what the viewer last reported."""
        cdef Route *state = self.state
        return {
            "packets": state.packets,
            "octets": state.octets,
            "resends": state.resends,
            "drops": state.drops,
            "rtt_ms": state.rtt_ns / 1e6,
            "remote_lost": state.remote_lost,
            "remote_fraction_lost": state.remote_fraction_lost / 256.0,
        }

    def close(self):
        if not self.closing:
            self.closing = 1
            self.transport.thread.order(COMMAND_REMOVE_ROUTE, self.state)

    def _freed(self):
        self.closing = 1
        count_live("route", -1)

    def __dealloc__(self):
        free(self.state)
