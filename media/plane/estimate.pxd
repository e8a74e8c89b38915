"""What may be sent to a viewer: the estimate of its link."""

from libc.stdint cimport int64_t, uint64_t

from media.plane.linkmeter cimport LinkMeter
from media.plane.twcc cimport TwccHistory, TwccReport

ctypedef struct Estimate:
    LinkMeter meter
    int64_t target_bps
    int64_t least_bps
    int64_t most_bps
    int64_t capacity_bps            # of the link when it was last full; 0: it is not known, or was outgrown
    int64_t updated_ns
    int64_t heard_ns                # the last feedback, or when there was nothing to be told of
    uint64_t sent                   # packets there had been then
    int64_t ahead_bytes             # sent behind the newest packet that was told of; 0: not known
    int64_t decreased_ns
    int64_t decreased_queue_us      # how long the queue was then
    int64_t full_since_ns           # since when the queue has not been empty; 0: it is
    int64_t full_queue_us           # how long it was then
    int draining
    double repair_bytes             # that may be resent now
    int64_t repair_ns               # when they were counted
    int was_full                    # ever: before that the estimate doubles
    # A decrease for loss is taken back when the loss stays.
    int trial_losses                # windows of loss there had been; 0: no trial
    int64_t trial_bps
    int trial_was_full
    double trial_share
    double own_loss                 # what the link loses by itself
    int64_t own_loss_ns

cdef void estimate_init(Estimate *e, int64_t start_bps, int64_t least_bps, int64_t most_bps) noexcept nogil
cdef void estimate_feedback(
    Estimate *e, const TwccReport *report, const TwccHistory *history, int64_t now_ns
) noexcept nogil
cdef int64_t estimate_settled(const Estimate *e) noexcept nogil
cdef bint estimate_repair(Estimate *e, int size_bytes, int64_t now_ns) noexcept nogil
cdef void estimate_silence(Estimate *e, uint64_t sent, int64_t now_ns) noexcept nogil
