# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Collect what one wake-up sends and hand it to the kernel in few calls.

Packets for one destination that lie one after another and have equal size become one message with UDP_SEGMENT
(generic segmentation offload); a shorter packet may close such a run. Messages go out with one sendmmsg. Where the
kernel or the path refuses segmentation the transport falls back to one message a packet, for good. A full socket is
waited for once, 1 ms at most; what it then refuses is counted and lost: nobody's packets wait for a slow socket.
What goes over a TCP connection passes by here to that connection's own queue (connection.pyx).

Touches the socket of the plane thread and the batch's own memory.
"""

from libc.stdint cimport uint16_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from media.plane.connection cimport connection_commit, connection_room
from media.plane.model cimport BATCH_BYTES, BATCH_MESSAGES, DROP_SEND, drop
from media.plane.net cimport (
    CMSG_LEN, CMSG_SPACE, EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS, IPPROTO_UDP, MSG_DONTWAIT, POLLOUT,
    UDP_SEGMENT, cmsghdr, errno, iovec, mmsghdr, msghdr, poll, pollfd, sendmmsg,
)

cdef enum:
    MAX_SEGMENTS = 64           # UDP_MAX_SEGMENTS of kernels before 6.9
    MAX_MESSAGE_BYTES = 65000   # a UDP datagram with its headers must stay below 64 KiB
    SEND_WAIT_MS = 1


cdef int batch_init(Batch *batch) noexcept nogil:
    """Return 0, or -1 without memory."""
    memset(batch, 0, sizeof(Batch))
    batch.arena = <uint8_t *>malloc(BATCH_BYTES)
    return 0 if batch.arena != NULL else -1


cdef void batch_free(Batch *batch) noexcept nogil:
    free(batch.arena)
    batch.arena = NULL


cdef uint8_t *batch_room(PlaneState *plane, Transport *transport, int length) noexcept nogil:
    """Return `length` writable bytes; flushes when the batch is full or belongs to another socket."""
    cdef Batch *batch = &plane.batch
    if transport.connection != NULL:
        return connection_room(plane, transport.connection, length)
    if batch.socket != transport.socket:
        batch_flush(plane)
        batch.socket = transport.socket
    elif batch.used + length > BATCH_BYTES or batch.count == BATCH_MESSAGES:
        batch_flush(plane)
        batch.socket = transport.socket
    return batch.arena + batch.used


cdef void batch_commit(PlaneState *plane, Transport *transport, uint8_t *start, int length) noexcept nogil:
    """Add the packet that was written at the address `batch_room` gave."""
    cdef Batch *batch = &plane.batch
    cdef int last = batch.count - 1
    if transport.connection != NULL:
        connection_commit(plane, transport, start, length)
        return
    batch.used += length
    plane.sent_packets += 1
    plane.sent_octets += length
    transport.sent_packets += 1
    transport.sent_octets += length
    if (
        batch.open
        and batch.owners[last] == transport
        and length <= batch.segment_bytes[last]
        and batch.segments[last] < MAX_SEGMENTS
        and <int>batch.vectors[last].iov_len + length <= MAX_MESSAGE_BYTES
    ):
        batch.vectors[last].iov_len += length
        batch.segments[last] += 1
        batch.open = length == batch.segment_bytes[last]
        return
    last += 1
    batch.count += 1
    batch.owners[last] = transport
    batch.segments[last] = 1
    batch.segment_bytes[last] = length
    batch.vectors[last].iov_base = start
    batch.vectors[last].iov_len = length
    batch.open = transport.gso and plane.gso


cdef void _prepare(Batch *batch, int index) noexcept nogil:
    cdef Transport *transport = batch.owners[index]
    cdef msghdr *header = &batch.messages[index].msg_hdr
    cdef cmsghdr *control
    cdef uint8_t *at = batch.control[index]
    header.msg_name = &transport.remote_name
    header.msg_namelen = transport.remote_name_length
    header.msg_iov = &batch.vectors[index]
    header.msg_iovlen = 1
    header.msg_flags = 0
    header.msg_controllen = 0
    if transport.local_control_length:
        memcpy(at, transport.local_control, transport.local_control_length)
        header.msg_controllen = transport.local_control_length
        at += transport.local_control_length
    if batch.segments[index] > 1:
        control = <cmsghdr *>at
        control.cmsg_level = IPPROTO_UDP
        control.cmsg_type = UDP_SEGMENT
        control.cmsg_len = CMSG_LEN(sizeof(uint16_t))
        (<uint16_t *>(at + CMSG_LEN(0)))[0] = batch.segment_bytes[index]
        header.msg_controllen += CMSG_SPACE(sizeof(uint16_t))
    header.msg_control = batch.control[index] if header.msg_controllen else NULL


cdef void _send_singly(PlaneState *plane, int index) noexcept nogil:
    """Send the segments of one refused message as datagrams of their own."""
    cdef Batch *batch = &plane.batch
    cdef Transport *transport = batch.owners[index]
    cdef mmsghdr message = batch.messages[index]
    cdef iovec vector
    cdef int left = <int>batch.vectors[index].iov_len
    cdef int size = batch.segment_bytes[index]
    vector.iov_base = batch.vectors[index].iov_base
    message.msg_hdr.msg_iov = &vector
    message.msg_hdr.msg_controllen = transport.local_control_length
    if transport.local_control_length == 0:
        message.msg_hdr.msg_control = NULL
    while left > 0:
        vector.iov_len = size if size < left else left
        plane.send_calls += 1
        if sendmmsg(batch.socket.fd, &message, 1, MSG_DONTWAIT) != 1:
            drop(plane, transport, DROP_SEND)
        vector.iov_base = <uint8_t *>vector.iov_base + vector.iov_len
        left -= <int>vector.iov_len


cdef bint _wait_writable(int fd) noexcept nogil:
    cdef pollfd waiting
    waiting.fd = fd
    waiting.events = POLLOUT
    waiting.revents = 0
    return poll(&waiting, 1, SEND_WAIT_MS) == 1


cdef void batch_flush(PlaneState *plane) noexcept nogil:
    """Send everything collected; afterwards the batch is empty."""
    cdef Batch *batch = &plane.batch
    cdef int index, sent, problem
    cdef int done = 0
    cdef bint waited = False
    for index in range(batch.count):
        _prepare(batch, index)
    while done < batch.count:
        plane.send_calls += 1
        sent = sendmmsg(batch.socket.fd, &batch.messages[done], batch.count - done, MSG_DONTWAIT)
        if sent > 0:
            done += sent
            plane.sent_messages += sent
            continue
        problem = errno
        if problem == EINTR:
            continue
        if (problem == EAGAIN or problem == ENOBUFS) and not waited:
            waited = True
            if _wait_writable(batch.socket.fd):
                continue
        if (problem == EIO or problem == EINVAL or problem == EMSGSIZE) and batch.segments[done] > 1:
            batch.owners[done].gso = 0
            _send_singly(plane, done)
        else:
            for index in range(batch.segments[done]):
                drop(plane, batch.owners[done], DROP_SEND)
        done += 1
    batch.count = 0
    batch.used = 0
    batch.open = 0
