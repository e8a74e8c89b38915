"""What a publisher without transport-wide feedback may send: its uplink by what arrives, said as REMB."""

from libc.stdint cimport int64_t, uint32_t

from media.plane.estimate cimport Estimate
from media.plane.twcc cimport TwccResult

cdef enum:
    UPLINK_PACKETS = 256            # of one stretch; more end it early

ctypedef struct Uplink:
    Estimate estimate
    TwccResult results[UPLINK_PACKETS]      # of the stretch that is being collected
    int count
    int64_t began_ns                # its first packet
    int64_t flows_ns                # since when packets come without a pause
    int64_t newest_ns
    int started
    uint32_t origin                 # arrival minus sending of the first packet of all, in ticks of 24 bits
    int64_t delay_ns                # of the last packet beside that
    int64_t lost                    # of all streams, when that was told last
    int64_t said_bps                # by the last REMB; 0: there was none

cdef void uplink_init(Uplink *uplink, int64_t least_bps, int64_t most_bps) noexcept nogil
cdef void uplink_packet(
    Uplink *uplink, uint32_t send_time, int size_bytes, bint is_resent, int64_t now_ns
) noexcept nogil
cdef bint uplink_due(const Uplink *uplink, int64_t now_ns) noexcept nogil
cdef bint uplink_lost(Uplink *uplink, int64_t lost, int64_t rtt_ns, int64_t now_ns) noexcept nogil
cdef int64_t uplink_say(Uplink *uplink) noexcept nogil
