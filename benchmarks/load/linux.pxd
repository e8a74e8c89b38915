"""Linux calls that only the load tool needs; the rest comes from the packet plane's declarations."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from media.plane.net cimport monotonic_ns, timespec


cdef extern from "<time.h>" nogil:
    int TIMER_ABSTIME
    int clock_nanosleep(int clock, int flags, const timespec *until, timespec *rest)


cdef extern from "<sys/socket.h>" nogil:
    int SOL_SOCKET
    int getsockopt(int fd, int level, int name, void *value, unsigned int *length)
    ssize_t send(int fd, const void *buffer, size_t length, int flags)


cdef extern from "<asm/socket.h>" nogil:
    int SO_MEMINFO
    int SCM_TIMESTAMPNS "SO_TIMESTAMPNS"


cdef extern from "<netinet/udp.h>" nogil:
    int SOL_UDP


cdef enum:
    # Place of the drop counter in what SO_MEMINFO returns (linux/sock_diag.h, SK_MEMINFO_DROPS), and its size.
    MEMINFO_DROPS = 8
    MEMINFO_WORDS = 9


cdef inline void sleep_until(int64_t at_ns) noexcept nogil:
    """Sleep until CLOCK_MONOTONIC shows `at_ns`; an interrupted sleep is resumed."""
    cdef timespec until
    until.tv_sec = at_ns // 1000000000
    until.tv_nsec = at_ns % 1000000000
    while clock_nanosleep(1, TIMER_ABSTIME, &until, NULL) != 0:
        if monotonic_ns() >= at_ns:
            return


cdef inline void put16(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 8)
    at[1] = <uint8_t>value


cdef inline void put24(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 16)
    put16(at + 1, value)


cdef inline void put32(uint8_t *at, uint32_t value) noexcept nogil:
    put16(at, value >> 16)
    put16(at + 2, value)


cdef inline uint32_t get16(const uint8_t *at) noexcept nogil:
    return (<uint32_t>at[0] << 8) | at[1]


cdef inline uint32_t get32(const uint8_t *at) noexcept nogil:
    return (get16(at) << 16) | get16(at + 2)
