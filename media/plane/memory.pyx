# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Memory of the plane's objects: allocated by control, counted, given back.

The counts prove that nothing stays behind: they are all zero once every plane thread has been closed.
"""

import socket as sockets

from libc.stdint cimport uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from media.plane.address cimport scope_in, scope_out
from media.plane.model cimport PacketSlot
from media.plane.receive cimport receive_init
from media.plane.senderclock cimport streamclock_init

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size) noexcept

cdef enum:
    VIDEO_CACHE_PACKETS = 512   # 0.5 s at 8 Mb/s, 2 s at 2 Mb/s: longer than a satellite round trip
    AUDIO_CACHE_PACKETS = 64
    # Where a stream's counters of its queue and of intra requests begin, so that they wrap where it is seen.
    QUEUED_FIRST = 0xFFFFFF80
    INTRA_FIRST = 0xFA

cdef uint64_t _last_id = 0
cdef dict _alive = {"transport": 0, "track": 0, "publication": 0, "route": 0, "tap": 0, "mirror": 0}


def live_objects():
    """Count the objects whose memory is allocated, by kind: all zero once every thread is closed."""
    return dict(_alive)


cdef void *allocate_lines(size_t size) noexcept:
    """Allocate cleared memory on a cache line's boundary; NULL without memory."""
    cdef void *memory = NULL
    if posix_memalign(&memory, 64, size):
        return NULL
    memset(memory, 0, size)
    return memory


cdef int count_live(str kind, int change) except -1:
    _alive[kind] += change
    return 0


cdef uint64_t next_id() noexcept:
    global _last_id
    _last_id += 1
    return _last_id


cdef int fill_address(Address *address, object pair) except -1:
    """Fill from (text, port), or a TcpAddress; an empty text is no address.

    A link-local one names its interface (fe80::1%eth0, %2).
    """
    host, port, *connection = pair
    memset(address, 0, sizeof(Address))
    if host:
        text, _, interface = host.partition("%")
        packed = sockets.inet_pton(sockets.AF_INET6, text if ":" in text else f"::ffff:{text}")
        memcpy(address.ip, <const char *>packed, 16)
        if interface:
            scope_in(address.ip, int(interface) if interface.isdecimal() else sockets.if_nametoindex(interface))
    address.port = port
    address.connection = connection[0] if connection else 0
    return 0


cdef str ip_text(const Address *address):
    """The text that `fill_address` takes."""
    cdef Address plain = address[0]
    cdef uint32_t interface = scope_out(plain.ip)
    packed = (<const char *>plain.ip)[:16]
    if packed == bytes(16):
        return ""
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        return sockets.inet_ntop(sockets.AF_INET, packed[12:])
    text = sockets.inet_ntop(sockets.AF_INET6, packed)
    return f"{text}%{interface}" if interface else text


cdef Stream *new_stream(bint is_video) except NULL:
    """Allocate a stream with an empty cache; `free_stream` takes it back."""
    cdef Stream *stream = <Stream *>calloc(1, sizeof(Stream))
    cdef uint32_t count = VIDEO_CACHE_PACKETS if is_video else AUDIO_CACHE_PACKETS
    if stream == NULL:
        raise MemoryError
    # Zeroed slots are empty ones, and the kernel's zeroed pages cost nothing before a packet comes.
    stream.cache = <PacketSlot *>calloc(count, sizeof(PacketSlot))
    stream.queue = <uint16_t *>calloc(count, sizeof(uint16_t))
    if stream.cache == NULL or stream.queue == NULL:
        free_stream(stream)
        raise MemoryError
    stream.cache_mask = count - 1
    stream.first = stream.ready = stream.last = QUEUED_FIRST
    stream.fir_sequence = INTRA_FIRST
    stream.id = next_id()
    receive_init(&stream.receive, 90000)
    streamclock_init(&stream.clock, 90000)
    return stream


cdef void free_stream(Stream *stream) noexcept:
    if stream != NULL:
        free(stream.queue)
        free(stream.cache)
        free(stream)
