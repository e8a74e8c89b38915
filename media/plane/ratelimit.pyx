# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Token bucket in whole nanoseconds, for what strangers may make the plane do (answer STUN, ask for keyframes).

Exact: the bucket counts billionths of a token, and one nanosecond at `rate_per_s` tokens a second brings exactly
`rate_per_s` of them, so no rounding ever gathers. A clock that steps back refills nothing and is followed from there.
"""
from libc.stdint cimport int64_t

cdef enum:
    UNITS_PER_TOKEN = 1000000000    # so that rate in tokens/s = units/ns
    LIMIT = 1000000000              # of rate and burst: burst * UNITS_PER_TOKEN, plus one refill, stays inside int64


cdef inline int64_t _clamped(int64_t value) noexcept nogil:
    return 0 if value < 0 else (LIMIT if value > LIMIT else value)


cdef void bucket_init(Bucket *b, int64_t rate_per_s, int64_t burst) noexcept nogil:
    """Start a full bucket of `burst` tokens that gains `rate_per_s`. Both are held to 0..10**9; at 0 none is gained."""
    b.rate_per_s = _clamped(rate_per_s)
    b.full_units = _clamped(burst) * UNITS_PER_TOKEN
    b.units = b.full_units
    b.refill_ns = b.full_units // b.rate_per_s + 1 if b.rate_per_s > 0 else 0
    b.last_ns = 0
    b.started = False


cdef bint bucket_take_many(Bucket *b, int64_t now_ns, int64_t tokens) noexcept nogil:
    """Take `tokens` if all of them are there; a negative number is refused. `now_ns` is any monotonic clock."""
    cdef int64_t passed_ns
    if not b.started:
        b.started = True
        b.last_ns = now_ns
    if now_ns > b.last_ns:
        # Unsigned, because two int64 can be further apart than int64 reaches.
        if <unsigned long long>now_ns - <unsigned long long>b.last_ns >= <unsigned long long>b.refill_ns:
            if b.rate_per_s > 0:
                b.units = b.full_units
        else:
            passed_ns = now_ns - b.last_ns
            b.units += passed_ns * b.rate_per_s
            if b.units > b.full_units:
                b.units = b.full_units
    b.last_ns = now_ns
    if tokens < 0 or tokens > b.units // UNITS_PER_TOKEN:
        return False
    b.units -= tokens * UNITS_PER_TOKEN
    return True


cdef bint bucket_take(Bucket *b, int64_t now_ns) noexcept nogil:
    """Take one token if there is one."""
    return bucket_take_many(b, now_ns, 1)


cdef class BucketView:
    """A Bucket for tests and tools."""
    cdef Bucket bucket

    def __cinit__(self, int64_t rate_per_s, int64_t burst):
        bucket_init(&self.bucket, rate_per_s, burst)

    def take(self, int64_t now_ns):
        return bool(bucket_take(&self.bucket, now_ns))

    def take_many(self, int64_t now_ns, int64_t tokens):
        return bool(bucket_take_many(&self.bucket, now_ns, tokens))
