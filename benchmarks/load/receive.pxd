"""Viewers that behave like browsers: state of one viewer and of the thread that serves them all."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from benchmarks.load.rtcp cimport Arrivals, Reception
from media.plane.framing cimport FrameReader

cdef enum:
    MAX_STREAMS = 8            # per viewer: video, its RTX, audio, a probe stream, and some that should not be
    BATCH_PACKETS = 64
    HEADER_BYTES = 256         # enough for any RTP header with extensions and for a compound sender report
    WHOLE_BYTES = 2048
    CONTROL_BYTES = 64


cdef struct Viewer:
    int fd
    bint framed                # over TCP, each packet behind its length (RFC 4571)
    FrameReader reader
    uint8_t frame[WHOLE_BYTES]
    uint32_t ssrc              # what our own RTCP is sent as
    void *protect              # libsrtp context for what we send; NULL: send no RTCP
    void *unprotect            # libsrtp context for what we receive; NULL: do not read RTCP
    int transport_cc_id        # header extension of the transport-wide sequence; 0: none, REMB instead
    bint whole                 # receive whole packets and check their authentication
    uint64_t audio_types[2]    # payload types with a 48 kHz clock, as a bit set
    uint8_t *consent           # STUN requests, one after another, used in turn
    int consent_bytes
    int consent_count
    int consent_next
    int64_t next_consent_ns
    int64_t next_feedback_ns
    Arrivals *arrivals
    int stream_count
    Reception streams[MAX_STREAMS]
    uint64_t strays            # RTP of more SSRCs than we keep
    uint64_t rtcp_packets
    uint64_t stun_packets
    uint64_t other_packets
    uint64_t authenticated
    uint64_t refused           # of the whole packets: libsrtp would not have them
    uint64_t send_errors
