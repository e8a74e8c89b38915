"""Consent checks answered by the plane; see consent.pyx."""

from libc.stdint cimport uint8_t

from media.plane.address cimport Address
from media.plane.model cimport PlaneState, Transport

cdef enum:
    CONSENT_USERNAME_BYTES = 96
    CONSENT_KEY_BYTES = 64

cdef bint consent_answer(
    PlaneState *plane, Transport *transport, const Address *remote, const uint8_t *request, int length,
    uint8_t *answer, int *answer_length
) noexcept nogil
