"""Declarations of the token bucket; see ratelimit.pyx."""
from libc.stdint cimport int64_t

# All zero (a bucket never initialised) grants nothing.
ctypedef struct Bucket:
    int64_t rate_per_s
    int64_t full_units          # burst, in billionths of a token
    int64_t units               # what is in the bucket now
    int64_t refill_ns           # time in which an empty bucket is full again
    int64_t last_ns
    bint started                # last_ns is valid

cdef void bucket_init(Bucket *b, int64_t rate_per_s, int64_t burst) noexcept nogil
cdef bint bucket_take(Bucket *b, int64_t now_ns) noexcept nogil
cdef bint bucket_take_many(Bucket *b, int64_t now_ns, int64_t tokens) noexcept nogil
