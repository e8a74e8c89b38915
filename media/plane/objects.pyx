# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Handles of tracks, publications and routes for control: what they are made of, and what they count."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy, memset

from media.plane.codec cimport CODEC_NONE, CODEC_OPUS
from media.plane.command cimport (
    COMMAND_ADD_PUBLICATION, COMMAND_ADD_ROUTE, COMMAND_ADD_TRACK, COMMAND_REMOVE_PUBLICATION, COMMAND_REMOVE_ROUTE,
    COMMAND_REMOVE_TRACK, COMMAND_SET_REPAIR, COMMAND_SET_ROUTE, COMMAND_WANT_KEYFRAME, Command,
)
from media.plane.flexfec cimport FlexFec, flexfec_init
from media.plane.memory cimport allocate_lines, free_stream, new_stream
from media.plane.model cimport (
    CODEC_SLOTS, IDENTIFIER_CAPACITY, MAX_DECLARED_SSRCS, MAX_LAYERS, MAX_PAYLOAD_TYPES, NO_PAYLOAD_TYPE, PayloadType,
    Stream,
)
from media.plane.names import CODECS, PlaneError
from media.plane.ratelimit cimport bucket_init
from media.plane.redundancy cimport REDUNDANCY_MOST
from media.plane.rewrite cimport rewrite_init
from media.plane.rungs cimport RUNGS, Rung
from media.plane.thread cimport PlaneThread

RESENDS_A_SECOND = 500
TEMPORAL_ALL = 7


def _check(codec, *payload_types):
    """A CodecId is a place in the plane's arrays, and a payload type has seven bits."""
    if not CODEC_NONE < codec < CODEC_SLOTS:
        raise ValueError(f"no codec has the number {codec}")
    if not all(0 <= number < 128 for number in payload_types):
        raise ValueError(f"no payload types: {payload_types}")


cdef class PlaneTrack(PlaneHandle):
    """A source's picture or sound on one plane thread; routes hang here while publishers come and go.

    Close its publications and routes before it: they point to it.
    """

    def __cinit__(self):
        self.state = <Track *>self.own(calloc(1, sizeof(Track)))

    def __init__(self, PlaneThread thread, bint is_video):
        self.is_video = is_video
        self.state.id = self.id
        self.state.is_video = is_video
        self.hand_over(thread, "track", COMMAND_ADD_TRACK, COMMAND_REMOVE_TRACK)

    def want_keyframe(self, int layer=0):
        """Ask whoever publishes for a keyframe, as soon as the pause between requests allows."""
        cdef Command *command = self.begin(COMMAND_WANT_KEYFRAME)
        command.numbers[0] = layer
        self.thread.commit()

    @property
    def route_count(self):
        return self.state.route_count


cdef class PlanePublication(PlaneHandle):
    """One media line of a publisher, feeding a track.

    `payload_types`: (number, encoding, clock rate, repaired payload type or 0). `rids`: simulcast layers in the order
    of the offer; empty for one layer. `ssrcs`: declared (media, RTX or 0) pairs; empty when undeclared. `remb`: its
    sender is told by REMB what its uplink carries, if it tells when it sends. `red_payload_type`: of RED around Opus,
    or 0.
    """

    def __cinit__(self):
        self.state = <Publication *>self.own(calloc(1, sizeof(Publication)))

    def __init__(self, PlaneTransport transport, PlaneTrack track, *, bytes mid, payload_types, rids=(), ssrcs=(),
                 nack=True, pli=True, fir=False, remb=False, uint8_t red_payload_type=0):
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
        state.remb = remb
        state.mid_length = min(len(mid), IDENTIFIER_CAPACITY)
        memcpy(state.mid, <const char *>mid, state.mid_length)
        self._set_formats(payload_types, rids, ssrcs)
        if red_payload_type:
            self._set_red(red_payload_type)
        for layer in range(state.layer_count):
            state.streams[layer] = new_stream(track.is_video)
            state.streams[layer].publication = state
            state.streams[layer].track = track.state
            state.streams[layer].layer = layer
            state.streams[layer].sender_clock = &transport.state.sender_clock
        if remb:
            transport.estimate_uplink()
        self.hand_over(transport.thread, "publication", COMMAND_ADD_PUBLICATION, COMMAND_REMOVE_PUBLICATION)

    def _set_formats(self, payload_types, rids, ssrcs):
        cdef Publication *state = self.state
        state.layer_count = max(1, min(len(rids), MAX_LAYERS))
        for at, rid in enumerate(rids[:MAX_LAYERS]):
            state.rid_lengths[at] = min(len(rid), IDENTIFIER_CAPACITY)
            memcpy(state.rids[at], <const char *>rid, state.rid_lengths[at])
        for number, codec, clock_rate, rtx_for in payload_types[:MAX_PAYLOAD_TYPES]:
            _check(codec, number, rtx_for)
            state.payload_types[state.payload_type_count].number = number
            state.payload_types[state.payload_type_count].codec = codec
            state.payload_types[state.payload_type_count].clock_rate = clock_rate
            state.payload_types[state.payload_type_count].rtx_for = rtx_for
            state.payload_type_count += 1
        for media, rtx in ssrcs[:MAX_DECLARED_SSRCS]:
            state.declared_ssrcs[state.declared_count] = media
            state.declared_rtx_ssrcs[state.declared_count] = rtx
            state.declared_count += 1

    def _set_red(self, uint8_t number):
        cdef PayloadType *added = &self.state.payload_types[self.state.payload_type_count]
        if self.state.payload_type_count == MAX_PAYLOAD_TYPES:
            raise ValueError("no room for RED beside so many payload types")
        _check(CODEC_OPUS, number)
        added.number = number
        added.codec = CODEC_OPUS
        added.clock_rate = 48000
        added.is_red = 1
        self.state.payload_type_count += 1

    @property
    def codec(self):
        """Encoding name of what arrives, empty before the first packet."""
        return CODECS[self.state.streams[0].codec]

    @property
    def layer_count(self):
        """How many simulcast layers were agreed, 1 without simulcast."""
        return self.state.layer_count

    @property
    def level_dbov(self):
        """Smoothed audio level, 0 loudest, -127 silence (RFC 6464)."""
        return self.state.level_dbov / 256.0

    def stats(self):
        """One dict a layer: what arrived, what is missing, and `heard_ns`, the monotonic time of the last packet.

        `width` and `height` are of the last keyframe that told them, 0 before. `rungs`: (packets, octets, frames) by
        temporal id, up to the highest that ever came; one for all but VP8.
        """
        cdef Stream *stream
        cdef int layer, temporal
        cdef Rung rung
        found = []
        for layer in range(self.state.layer_count):
            stream = self.state.streams[layer]
            temporal = RUNGS - 1
            while temporal and not stream.rungs[temporal].packets:
                temporal -= 1
            rungs = [(rung.packets, rung.octets, rung.frames) for rung in stream.rungs[:temporal + 1]]
            expected = stream.receive.highest_ext - stream.receive.base_ext + 1 if stream.packets else 0
            found.append(
                {
                    "ssrc": stream.ssrc,
                    "codec": CODECS[stream.codec],
                    "packets": stream.packets,
                    "octets": stream.octets,
                    "frames": stream.frames,
                    "rungs": rungs,
                    "width": stream.width,
                    "height": stream.height,
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

    def __dealloc__(self):
        cdef int layer
        if self.state != NULL:
            for layer in range(MAX_LAYERS):
                free_stream(self.state.streams[layer])


cdef class PlaneRoute(PlaneHandle):
    """An edge from a track to a transport, with the state that keeps the viewer's stream continuous.

    `payload_types`: CodecId -> (payload type, RTX payload type or 0) of what the viewer negotiated. Raises PlaneError
    for an SSRC that the transport has sent under its present keys. `red_payload_type`: of RED around Opus, or 0;
    with `fec_ssrc` FlexFEC can be sent. `counted`: packets and octets that its counters begin with.
    """

    def __cinit__(self, *args, uint32_t fec_ssrc=0, **kwargs):
        # Parities lie behind the route, in memory that comes and goes with it.
        self.state = <Route *>self.own(allocate_lines(sizeof(Route) + (sizeof(FlexFec) if fec_ssrc else 0)))
        if fec_ssrc:
            self.state.fec = <FlexFec *>(self.state + 1)

    def __init__(self, PlaneTrack track, PlaneTransport transport, *, uint32_t ssrc, uint32_t rtx_ssrc=0,
                 payload_types, uint32_t clock_rate, uint32_t first_timestamp, int first_sequence, int layer=0,
                 bint paused=False, uint8_t red_payload_type=0, uint8_t fec_payload_type=0,
                 uint32_t fec_ssrc=0, counted=(0, 0)):
        cdef Route *state = self.state
        if transport.thread is not track.thread:
            raise PlaneError("a route's track and transport are on different plane threads")
        if rtx_ssrc == ssrc != 0 or (fec_ssrc != 0 and fec_ssrc in (ssrc, rtx_ssrc)):
            raise PlaneError("a route's repair stream needs an SSRC of its own")
        self.transport = transport
        self.track = track
        state.id = self.id
        state.track = track.state
        state.transport = transport.state
        state.ssrc = ssrc
        state.rtx_ssrc = rtx_ssrc
        state.layer = layer
        state.paused = paused
        state.packets, state.octets = counted
        state.playout = -1
        state.redundancy.payload_type = red_payload_type
        memset(state.payload_types, NO_PAYLOAD_TYPE, sizeof(state.payload_types))
        for codec, (number, rtx) in payload_types.items():
            _check(codec, number, rtx)
            state.payload_types[codec] = number
            state.rtx_payload_types[codec] = rtx
        rewrite_init(&state.rewrite, first_sequence, first_timestamp, clock_rate)
        state.rtx_sequence = <uint16_t>first_sequence
        bucket_init(&state.resend_bucket, RESENDS_A_SECOND, RESENDS_A_SECOND)
        if fec_ssrc:
            flexfec_init(state.fec, fec_payload_type, fec_ssrc, <uint16_t>first_sequence)
        self.ssrcs = {ssrc} | ({rtx_ssrc, fec_ssrc} - {0})
        transport.hold_ssrcs(self.ssrcs)
        self.hand_over(transport.thread, "route", COMMAND_ADD_ROUTE, COMMAND_REMOVE_ROUTE)

    def set(self, *, bint paused=False, int layer=0, int temporal=TEMPORAL_ALL):
        """Pause or resume, and choose the layer; both take effect at the next keyframe.

        `temporal`: the highest temporal id of VP8 that passes, 0 to 7 (all); less from the next picture on, more from
        where the pictures allow it. Raises ValueError for another number.
        """
        cdef Command *command
        if not 0 <= temporal <= TEMPORAL_ALL:
            raise ValueError(f"no temporal id has the number {temporal}")
        command = self.begin(COMMAND_SET_ROUTE)
        command.numbers[0] = paused
        command.numbers[1] = layer
        command.numbers[2] = temporal
        self.thread.commit()

    @property
    def has_red(self):
        """Whether the viewer takes former sounds beside each."""
        return self.state.redundancy.payload_type != 0

    @property
    def has_flexfec(self):
        """Whether the viewer takes parities beside pictures."""
        return self.state.fec != NULL

    def repair(self, int redundancy=0, int percent=0, int wait_ms=0, double group_s=0.1):
        """Make up for losses beforehand, where the viewer has agreed to it.

        `redundancy`: former sounds with each, 0 to 3 (RED); `percent`: parities for a hundred packets of pictures, 0 to
        100, in groups of `group_s` (FlexFEC); `wait_ms`: for so long it shall keep pictures before it shows them, 0 to
        10,000, so that repairs come in time (playout-delay; libwebrtc keeps the sound of the same stream with them).
        Raises ValueError.
        """
        cdef Command *command
        if not 0 <= redundancy <= REDUNDANCY_MOST:
            raise ValueError(f"a packet of sound holds 0 to {REDUNDANCY_MOST} former ones, not {redundancy}")
        if not 0 <= percent <= 100:
            raise ValueError(f"{percent} parities for a hundred packets are not from 0 to 100")
        if not 0 <= wait_ms <= 10_000:
            raise ValueError(f"{wait_ms} ms are not from 0 to 10,000")
        command = self.begin(COMMAND_SET_REPAIR)
        command.numbers[0] = redundancy
        command.numbers[1] = percent
        command.numbers[2] = <int64_t>(group_s * 1e9)
        command.numbers[3] = wait_ms // 10
        self.thread.commit()

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
            PlaneHandle.close(self)
            self.transport.release_ssrcs(self.ssrcs)
