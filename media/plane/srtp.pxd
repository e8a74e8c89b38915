"""libsrtp's packet functions as C pointers, and its status codes."""

ctypedef int (*srtp_function)(void *context, void *packet, int *length) noexcept nogil

cdef enum SrtpStatus:
    SRTP_OK = 0
    SRTP_AUTH_FAIL = 7
    SRTP_REPLAY_FAIL = 9
    SRTP_REPLAY_OLD = 10

cdef srtp_function srtp_protect
cdef srtp_function srtp_unprotect
cdef srtp_function srtp_protect_rtcp
cdef srtp_function srtp_unprotect_rtcp
