# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Borrow libsrtp from the pylibsrtp wheel, for calls without the GIL.

pylibsrtp's binding carries libsrtp inside; the addresses of its functions and of a session's context are all the
plane needs. `SrtpKeys` owns a pair of sessions (sending, receiving) and must outlive every use by a plane thread.
A libsrtp context is not thread-safe: only the plane thread that it was given to may touch it.
"""

import hashlib
import weakref

from libc.stdint cimport uintptr_t

from media.plane.names import PlaneError
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

cdef void *_function(str name) except NULL:
    return <void *><uintptr_t>int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))

srtp_protect = <srtp_function>_function("srtp_protect")
srtp_unprotect = <srtp_function>_function("srtp_unprotect")
srtp_protect_rtcp = <srtp_function>_function("srtp_protect_rtcp")
srtp_unprotect_rtcp = <srtp_function>_function("srtp_unprotect_rtcp")
srtp_remove_stream = <srtp_remove_function>_function("srtp_remove_stream")

# A recovered packet may come more than a thousand late at video rates; libsrtp's default of 128 would refuse it.
RECEIVE_WINDOW_PACKETS = 2048
# Sending, the window only bounds how late a recovered packet may still be forwarded: no later than the cache of a
# stream reaches back (VIDEO_CACHE_PACKETS). libsrtp shifts the whole window for every packet it protects.
SEND_WINDOW_PACKETS = 512

PROFILES = {
    "SRTP_AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "SRTP_AES128_CM_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "SRTP_AES128_CM_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}

# What sends under a key just now: digest of the key -> SrtpKeys.
_in_use = weakref.WeakValueDictionary()


class SrtpKeys:
    """The two SRTP sessions of one transport.

    `profile` is the OpenSSL name of the protection profile; keys are master key followed by master salt (RFC 5764
    section 4.2). Same-sequence resending is allowed for AES-CM only: under GCM a second, different packet with the
    same (SSRC, ROC, sequence) would reveal the authentication key, so libsrtp is left to refuse it.
    """

    def __init__(self, profile: str, send_key: bytes, receive_key: bytes) -> None:
        self.profile = profile
        self.is_gcm = "GCM" in profile
        self._send_digest = hashlib.sha256(send_key).digest()
        self.sender = self._session(send_key, Policy.SSRC_ANY_OUTBOUND, SEND_WINDOW_PACKETS, not self.is_gcm)
        self.receiver = self._session(receive_key, Policy.SSRC_ANY_INBOUND, RECEIVE_WINDOW_PACKETS, False)

    def _session(self, key: bytes, ssrc_type: int, window: int, repeat: bool) -> Session:
        policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=PROFILES[self.profile])
        policy.allow_repeat_tx = repeat
        policy.window_size = window
        return Session(policy=policy)

    def claim(self):
        """Take these keys into use, once. A second context with the same key would count its packets from zero again.

        Raises PlaneError when a transport has them, or has others with the same sending key.
        """
        if self._send_digest in _in_use:
            raise PlaneError("these SRTP keys, or others with the same sending key, are in use")
        _in_use[self._send_digest] = self

    @property
    def pointers(self) -> tuple[int, int]:
        """Addresses of the sending and the receiving context, valid while this object lives."""
        return (
            int(ffi.cast("uintptr_t", self.sender._srtp[0])),
            int(ffi.cast("uintptr_t", self.receiver._srtp[0])),
        )
