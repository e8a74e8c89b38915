"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) towards a publisher.

The reading side, media/plane/twcchistory, is named here too: one cimport gives both directions.
"""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from media.plane.twcchistory cimport (
    TWCC_BAD_LENGTH,
    TWCC_BAD_PADDING,
    TWCC_EMPTY,
    TWCC_HISTORY,
    TWCC_NOT_FEEDBACK,
    TWCC_OK,
    TWCC_RESERVED,
    TWCC_RESULTS,
    TWCC_TOO_SHORT,
    TWCC_TRUNCATED,
    TWCC_UNSENT,
    TwccHistory,
    TwccReport,
    TwccResult,
    twcc_ahead,
    twcc_history_init,
    twcc_receive,
    twcc_sent,
)

cdef enum:
    TWCC_WINDOW = 2048              # sequences a recorder remembers, a power of two
    TWCC_WINDOW_WORDS = 32          # TWCC_WINDOW / 64
    TWCC_MIN_CAPACITY = 24          # header, one chunk, one delta, padded

ctypedef struct TwccRecorder:
    uint32_t arrival_ticks[TWCC_WINDOW]     # 250 us, modulo 2**32: the ring of the wire's reference time
    uint64_t received[TWCC_WINDOW_WORDS]    # bit per sequence
    int64_t next_report             # extended sequence, first one not yet reported
    int64_t end                     # behind the highest one received
    uint16_t stray                  # the sequence that would confirm a restart far behind the window
    uint8_t has_stray
    uint8_t started
    uint8_t feedback_count
    uint32_t unreported             # arrivals since the last feedback
    uint64_t duplicates
    uint64_t strays                 # too old for the window
    uint64_t restarts

cdef void twcc_recorder_init(TwccRecorder *recorder) noexcept nogil
cdef void twcc_record(TwccRecorder *recorder, uint16_t sequence, int64_t arrival_ns) noexcept nogil
cdef int twcc_build(
    TwccRecorder *recorder, uint8_t *out, int capacity, uint32_t sender_ssrc, uint32_t media_ssrc
) noexcept nogil
