"""libsrtp's packet functions as C pointers, its status codes, and what they mean for a packet that came in."""

from libc.stdint cimport uint8_t

from media.plane.model cimport (
    DROP_AUTHENTICATION, DROP_NO_KEYS, DROP_REPLAY, TRANSPORT_WEBRTC, PlaneState, Transport, drop,
)

ctypedef int (*srtp_function)(void *context, void *packet, int *length) noexcept nogil

ctypedef int (*srtp_remove_function)(void *context, unsigned int ssrc) noexcept nogil

cdef enum SrtpStatus:
    SRTP_OK = 0
    SRTP_AUTH_FAIL = 7
    SRTP_REPLAY_FAIL = 9
    SRTP_REPLAY_OLD = 10

cdef srtp_function srtp_protect
cdef srtp_function srtp_unprotect
cdef srtp_function srtp_protect_rtcp
cdef srtp_function srtp_unprotect_rtcp
cdef srtp_remove_function srtp_remove_stream     # the SSRC in network order


cdef inline bint srtp_open(PlaneState *plane, Transport *transport, srtp_function unprotect, uint8_t *packet,
                           int *length) noexcept nogil:
    """Unprotect in place with `srtp_unprotect` or `srtp_unprotect_rtcp`; False: dropped and counted."""
    cdef int status
    if transport.srtp_receiver == NULL:
        if transport.kind == TRANSPORT_WEBRTC:
            drop(plane, transport, DROP_NO_KEYS)
            return False
        return True
    status = unprotect(transport.srtp_receiver, packet, length)
    if status == SRTP_OK:
        transport.authentic += 1
        return True
    drop(plane, transport, DROP_REPLAY if status == SRTP_REPLAY_FAIL or status == SRTP_REPLAY_OLD
         else DROP_AUTHENTICATION)
    return False
