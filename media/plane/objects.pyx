# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Handles of tracks, publications and routes for control: allocate, hand over, read counters, take back.

A handle's memory belongs to its plane thread from construction until the thread has answered `close()`; the thread
keeps the handle alive that long. Counters are read while the thread writes them: each is one aligned word.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from media.plane.command cimport (
    COMMAND_ADD_PUBLICATION, COMMAND_ADD_ROUTE, COMMAND_ADD_TRACK, COMMAND_REMOVE_PUBLICATION, COMMAND_REMOVE_ROUTE,
    COMMAND_REMOVE_TRACK, COMMAND_SET_ROUTE, COMMAND_WANT_KEYFRAME, Command,
)
from media.plane.memory cimport allocate_lines, count_live, free_stream, new_stream, next_id
from media.plane.model cimport (
    IDENTIFIER_CAPACITY, MAX_DECLARED_SSRCS, MAX_LAYERS, MAX_PAYLOAD_TYPES, Stream,
)
from media.plane.names import CODECS, PlaneError
from media.plane.ratelimit cimport bucket_init
from media.plane.rewrite cimport rewrite_init

RESENDS_A_SECOND = 500


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
            self.thread.order(COMMAND_REMOVE_TRACK, self.state)
            self.closing = 1

    def _freed(self):
        self.closing = 1
        count_live("track", -1)

    def __dealloc__(self):
        free(self.state)


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
            self.transport.thread.order(COMMAND_REMOVE_PUBLICATION, self.state)
            self.closing = 1

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
            self.transport.thread.order(COMMAND_REMOVE_ROUTE, self.state)
            self.closing = 1

    def _freed(self):
        self.closing = 1
        count_live("route", -1)

    def __dealloc__(self):
        free(self.state)
