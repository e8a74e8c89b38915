# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Receive as many browsers would, at a small fraction of what a browser costs.

One thread without the GIL owns the sockets of all viewers. It reads headers only (the rest of each datagram is
truncated by the kernel), answers with transport-wide feedback, receiver reports and consent checks at a browser's
cadence, protected with the viewer's own keys, and counts. No UDP_GRO, because browsers have none.

It does not wait in epoll but looks at every socket once in a cycle: a real viewer is another machine, and waking a
sleeping reader would be charged to the server that is being measured. Arrival times are therefore the kernel's.
"""

import threading
from os import sched_setaffinity

from libc.stdlib cimport calloc, free, malloc
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from benchmarks.load.linux cimport (
    MEMINFO_DROPS, MEMINFO_WORDS, SCM_TIMESTAMPNS, SO_MEMINFO, SOL_SOCKET, get16, get32, getsockopt, send, sleep_until)
from benchmarks.load.record cimport Record
from benchmarks.load.rtcp cimport (
    RTCP_BUFFER_BYTES, Arrivals, Reception, arrivals_note, arrivals_start, feedback_write, receiver_report_write,
    reception_note, reception_start, remb_write)
from media.plane.framing cimport FRAME_LENGTH_BYTES, FRAME_MORE, FRAME_TOO_LARGE, frame_read
from media.plane.net cimport (
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, MSG_DONTWAIT, MSG_TRUNC, cmsghdr, iovec, mmsghdr, monotonic_ns, realtime_ns,
    recv, recvmmsg, timespec)
from media.plane.srtp cimport srtp_protect_rtcp, srtp_unprotect, srtp_unprotect_rtcp

cdef int64_t CYCLE_NS = 4000000
cdef int64_t CONSENT_NS = 2500000000       # RFC 7675 section 5.1: 5 s at most; Chromium checks twice as often
cdef int64_t FEEDBACK_NS = 60000000        # Chromium 156 watching a 640x360 source by WHEP: 62 ms on average
cdef int64_t VIDEO_REPORT_NS = 1000000000
cdef int64_t AUDIO_REPORT_NS = 5000000000

cdef enum:
    VIDEO_CLOCK_HZ = 90000
    AUDIO_CLOCK_HZ = 48000
    BATCHES_PER_CYCLE = 16         # per viewer, so that one flooded socket does not starve the others
    REMB_BPS = 20000000
    ONE_BYTE_EXTENSIONS = 0xBEDE


cdef inline int _transport_sequence(const uint8_t *packet, int length, int wanted) noexcept nogil:
    """The transport-wide sequence number in the header extension `wanted` (RFC 8285), -1 when there is none."""
    cdef int at = 12 + 4 * (packet[0] & 15)
    cdef int end, size, identifier
    cdef bint one_byte
    if not packet[0] & 0x10 or at + 4 > length:
        return -1
    one_byte = get16(packet + at) == ONE_BYTE_EXTENSIONS
    end = at + 4 + 4 * get16(packet + at + 2)
    at += 4
    if end > length:
        return -1
    while at < end:
        if packet[at] == 0:
            at += 1
            continue
        if one_byte:
            identifier = packet[at] >> 4
            size = (packet[at] & 15) + 1
            at += 1
        else:
            if at + 2 > end:
                return -1
            identifier = packet[at]
            size = packet[at + 1]
            at += 2
        if identifier == wanted and size == 2 and at + 2 <= end:
            return get16(packet + at)
        at += size
    return -1


cdef Reception *_stream(Viewer *viewer, uint32_t ssrc, uint8_t payload_type, int64_t now_ns) noexcept nogil:
    cdef int i
    cdef bint audio
    for i in range(viewer.stream_count):
        if viewer.streams[i].ssrc == ssrc:
            return &viewer.streams[i]
    if viewer.stream_count == MAX_STREAMS:
        return NULL
    audio = (viewer.audio_types[payload_type >> 6] >> (payload_type & 63)) & 1
    i = viewer.stream_count
    reception_start(&viewer.streams[i], ssrc, payload_type, AUDIO_CLOCK_HZ if audio else VIDEO_CLOCK_HZ)
    # The first report comes at a place of the interval that differs from stream to stream.
    viewer.streams[i].next_report_ns = now_ns + (ssrc ^ viewer.ssrc) % VIDEO_REPORT_NS
    viewer.stream_count += 1
    return &viewer.streams[i]


cdef bint _sent(Viewer *viewer, const uint8_t *packet, int length) noexcept nogil:
    cdef uint8_t frame[FRAME_LENGTH_BYTES + RTCP_BUFFER_BYTES + 160]
    if not viewer.framed:
        return send(viewer.fd, packet, length, MSG_DONTWAIT) >= 0
    frame[0] = <uint8_t>(length >> 8)
    frame[1] = <uint8_t>length
    memcpy(frame + FRAME_LENGTH_BYTES, packet, length)
    length += FRAME_LENGTH_BYTES
    return send(viewer.fd, frame, length, MSG_DONTWAIT) == length


cdef void _send_rtcp(Viewer *viewer, uint8_t *packet, int length) noexcept nogil:
    if srtp_protect_rtcp(viewer.protect, packet, &length) != 0 or not _sent(viewer, packet, length):
        viewer.send_errors += 1


cdef void _read_rtcp(Viewer *viewer, uint8_t *packet, int length, int64_t now_ns) noexcept nogil:
    """Keep of a sender report what the next receiver report must echo (RFC 3550 section 6.4.1)."""
    cdef int at = 0, size, i
    viewer.rtcp_packets += 1
    if viewer.unprotect == NULL or length > HEADER_BYTES:
        return
    if srtp_unprotect_rtcp(viewer.unprotect, packet, &length) != 0:
        viewer.refused += 1
        return
    while at + 28 <= length:
        size = 4 * (<int>get16(packet + at + 2) + 1)
        if packet[at + 1] == 200:
            for i in range(viewer.stream_count):
                if viewer.streams[i].ssrc == get32(packet + at + 4):
                    viewer.streams[i].last_report_middle = get32(packet + at + 10)
                    viewer.streams[i].last_report_at_ns = now_ns
        at += size


cdef void _report(Viewer *viewer, int64_t now_ns) noexcept nogil:
    """Send what is due: consent checks, feedback, reports."""
    cdef uint8_t out[RTCP_BUFFER_BYTES + 160]
    cdef int i, length
    cdef Reception *stream
    if viewer.consent_count and now_ns >= viewer.next_consent_ns:
        viewer.next_consent_ns += CONSENT_NS
        if not _sent(viewer, viewer.consent + viewer.consent_next * viewer.consent_bytes, viewer.consent_bytes):
            viewer.send_errors += 1
        viewer.consent_next = (viewer.consent_next + 1) % viewer.consent_count
    if viewer.protect == NULL:
        return
    if now_ns >= viewer.next_feedback_ns:
        viewer.next_feedback_ns += FEEDBACK_NS
        if viewer.transport_cc_id and viewer.stream_count:
            while True:
                length = feedback_write(viewer.arrivals, out, viewer.ssrc, viewer.streams[0].ssrc)
                if length == 0:
                    break
                _send_rtcp(viewer, out, length)
    for i in range(viewer.stream_count):
        stream = &viewer.streams[i]
        if now_ns >= stream.next_report_ns:
            stream.next_report_ns = now_ns + (
                AUDIO_REPORT_NS if stream.clock_rate_hz == AUDIO_CLOCK_HZ else VIDEO_REPORT_NS)
            length = receiver_report_write(stream, out, viewer.ssrc, now_ns)
            if not viewer.transport_cc_id:
                length += remb_write(out + length, viewer.ssrc, stream.ssrc, REMB_BPS)
            _send_rtcp(viewer, out, length)


cdef class Receiver:
    """The viewers of one benchmark and the thread that serves them.

    Call `start`, and `stop` when done; `add` may be called at any time, from one thread.
    Counters may be read at any time. `records` is the room, in packets, for times of arrival (0: none are kept).
    """

    cdef Viewer **viewers
    cdef int capacity
    cdef int count
    cdef int64_t wall_minus_monotonic_ns
    cdef bint stopping
    cdef Record *records
    cdef size_t record_capacity
    cdef size_t record_count
    cdef bint recording
    cdef mmsghdr messages[BATCH_PACKETS]
    cdef iovec vectors[BATCH_PACKETS]
    cdef uint8_t *buffers
    cdef uint8_t *controls
    cdef object _thread
    cdef list _paths
    cdef object _core

    def __cinit__(self, int viewers, size_t records=0, core=None):
        cdef int i
        self.capacity = viewers
        self.viewers = <Viewer **>calloc(viewers, sizeof(Viewer *))
        self.buffers = <uint8_t *>malloc(BATCH_PACKETS * WHOLE_BYTES)
        self.controls = <uint8_t *>calloc(BATCH_PACKETS, CONTROL_BYTES)
        if self.viewers == NULL or self.buffers == NULL or self.controls == NULL:
            raise MemoryError
        if records:
            self.records = <Record *>malloc(records * sizeof(Record))
            if self.records == NULL:
                raise MemoryError
        self.record_capacity = records
        for i in range(BATCH_PACKETS):
            self.vectors[i].iov_base = self.buffers + i * WHOLE_BYTES
            self.messages[i].msg_hdr.msg_name = NULL
            self.messages[i].msg_hdr.msg_namelen = 0
            self.messages[i].msg_hdr.msg_iov = &self.vectors[i]
            self.messages[i].msg_hdr.msg_iovlen = 1
            self.messages[i].msg_hdr.msg_control = self.controls + i * CONTROL_BYTES
        self.wall_minus_monotonic_ns = realtime_ns() - monotonic_ns()
        self._paths = []
        self._core = core

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            free(self.viewers[i].consent)
            free(self.viewers[i].arrivals)
            free(self.viewers[i])
        free(self.viewers)
        free(self.buffers)
        free(self.controls)
        free(self.records)

    def add(self, path, *, bint whole=False) -> int:
        """Take over the socket of a `Path` whose handshakes are done; returns the viewer's index."""
        cdef Viewer *viewer
        cdef uintptr_t protect = 0, unprotect = 0
        cdef bytes consent = b"".join(path.consent)
        if self.count == self.capacity:
            raise ValueError(f"room for {self.capacity} viewers only")
        viewer = <Viewer *>calloc(1, sizeof(Viewer))
        if viewer == NULL:
            raise MemoryError
        viewer.arrivals = <Arrivals *>malloc(sizeof(Arrivals))
        viewer.consent = <uint8_t *>malloc(len(consent) + 1)
        if viewer.arrivals == NULL or viewer.consent == NULL:
            raise MemoryError
        arrivals_start(viewer.arrivals)
        memcpy(viewer.consent, <const uint8_t *>consent, len(consent))
        viewer.consent_count = len(path.consent)
        viewer.consent_bytes = len(path.consent[0]) if path.consent else 0
        viewer.fd = path.socket.fileno()
        viewer.framed = path.framed
        viewer.reader.frame = viewer.frame
        viewer.reader.capacity = WHOLE_BYTES
        viewer.ssrc = 0x4C000000 + self.count
        if path.keys is not None:
            protect, unprotect = path.keys.pointers
        viewer.protect = <void *>protect
        viewer.unprotect = <void *>unprotect
        viewer.transport_cc_id = path.transport_cc_id
        viewer.whole = whole
        for payload_type in path.audio_payload_types:
            viewer.audio_types[payload_type >> 6] |= <uint64_t>1 << (payload_type & 63)
        now_ns = monotonic_ns()
        viewer.next_consent_ns = now_ns + (self.count * 7919 % 2500) * 1000000
        viewer.next_feedback_ns = now_ns + (self.count * 7919 % 60) * 1000000
        self._paths.append(path)
        self.viewers[self.count] = viewer
        self.count += 1
        return self.count - 1

    def start(self) -> None:
        """Start the thread, on the core that was given."""
        self.stopping = False
        self._thread = threading.Thread(target=self._run, name="load-receive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. What the kernel still holds for the viewers is not counted."""
        if self._thread is not None:
            self.stopping = True
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        if self._core is not None:
            sched_setaffinity(0, {self._core})
        with nogil:
            self._loop()

    cdef void _loop(self) noexcept nogil:
        cdef int64_t now_ns, next_ns = monotonic_ns()
        cdef int i
        while not self.stopping:
            i = 0
            while i < self.count:
                self._drain(i)
                _report(self.viewers[i], monotonic_ns())
                i += 1
            now_ns = monotonic_ns()
            next_ns = max(next_ns + CYCLE_NS, now_ns)
            sleep_until(next_ns)

    cdef void _drain(self, int index) noexcept nogil:
        cdef Viewer *viewer = self.viewers[index]
        cdef int i, got, batch
        cdef size_t room = WHOLE_BYTES if viewer.whole else HEADER_BYTES
        if viewer.framed:
            self._drain_frames(viewer, index)
            return
        for batch in range(BATCHES_PER_CYCLE):
            for i in range(BATCH_PACKETS):
                self.vectors[i].iov_len = room
                self.messages[i].msg_hdr.msg_controllen = CONTROL_BYTES
            got = recvmmsg(viewer.fd, self.messages, BATCH_PACKETS, MSG_DONTWAIT | MSG_TRUNC, NULL)
            for i in range(got):
                self._note(
                    viewer, index, self.buffers + i * WHOLE_BYTES, <int>self.messages[i].msg_len,
                    <int>self.vectors[i].iov_len, self._stamped_ns(i)
                )
            if got < BATCH_PACKETS:
                return

    cdef void _drain_frames(self, Viewer *viewer, int index) noexcept nogil:
        """As `_drain`, of a connection; what arrived is stamped when it is read."""
        cdef const uint8_t *at
        cdef const uint8_t *end
        cdef Py_ssize_t got
        cdef int length, batch
        for batch in range(BATCHES_PER_CYCLE):
            got = recv(viewer.fd, self.buffers, BATCH_PACKETS * WHOLE_BYTES, MSG_DONTWAIT)
            if got <= 0:
                return
            at = self.buffers
            end = at + got
            while True:
                length = frame_read(&viewer.reader, &at, end)
                if length == FRAME_MORE or length == FRAME_TOO_LARGE:
                    break
                self._note(viewer, index, viewer.frame, length, WHOLE_BYTES, realtime_ns())

    cdef int64_t _stamped_ns(self, int place) noexcept nogil:
        cdef cmsghdr *control = CMSG_FIRSTHDR(&self.messages[place].msg_hdr)
        cdef timespec *stamp
        if control == NULL or control.cmsg_type != SCM_TIMESTAMPNS or control.cmsg_len < CMSG_LEN(16):
            return realtime_ns()
        stamp = <timespec *>CMSG_DATA(control)
        return <int64_t>stamp.tv_sec * 1000000000 + stamp.tv_nsec

    cdef void _note(self, Viewer *viewer, int index, uint8_t *packet, int length, int room,
                    int64_t wall_ns) noexcept nogil:
        cdef int readable = min(length, room)
        cdef int64_t now_ns = wall_ns - self.wall_minus_monotonic_ns
        cdef int transport_sequence
        cdef Reception *stream
        if readable < 12 or packet[0] < 128 or packet[0] > 191:
            # RFC 7983 section 7
            if readable > 0 and packet[0] < 4:
                viewer.stun_packets += 1
            else:
                viewer.other_packets += 1
            return
        if 192 <= packet[1] <= 223:
            _read_rtcp(viewer, packet, length, now_ns)
            return
        stream = _stream(viewer, get32(packet + 8), packet[1] & 127, now_ns)
        if stream == NULL:
            viewer.strays += 1
            return
        reception_note(stream, <uint16_t>get16(packet + 2), get32(packet + 4), length, now_ns)
        if viewer.transport_cc_id:
            transport_sequence = _transport_sequence(packet, readable, viewer.transport_cc_id)
            if transport_sequence >= 0:
                arrivals_note(viewer.arrivals, <uint16_t>transport_sequence, now_ns)
        if self.recording and self.record_count < self.record_capacity:
            self._record(index, packet, length, wall_ns)
        if viewer.whole and viewer.unprotect != NULL:
            if length <= readable and srtp_unprotect(viewer.unprotect, packet, &length) == 0:
                viewer.authenticated += 1
            else:
                viewer.refused += 1

    cdef void _record(self, int index, const uint8_t *packet, int length, int64_t wall_ns) noexcept nogil:
        cdef Record *record = &self.records[self.record_count]
        record.at_ns = wall_ns
        record.path = index
        record.ssrc = get32(packet + 8)
        record.timestamp = get32(packet + 4)
        record.sequence = <uint16_t>get16(packet + 2)
        record.length_bytes = length
        self.record_count += 1

    def record(self, bint on) -> None:
        """Begin anew to keep times of arrival, or stop keeping them."""
        if on:
            self.record_count = 0
        self.recording = on

    def recorded(self) -> bytes:
        """The records kept so far, laid out as `records.DTYPE`. When the room was too small, the last are missing."""
        cdef size_t count = self.record_count
        return (<const uint8_t *>self.records)[:count * sizeof(Record)] if count else b""

    def dropped(self) -> int:
        """Datagrams that the kernel dropped at the viewers' sockets: sent by the server, not read by us."""
        cdef uint32_t words[MEMINFO_WORDS]
        cdef unsigned int length
        cdef uint64_t total = 0
        cdef int i
        for i in range(self.count):
            length = sizeof(words)
            if getsockopt(self.viewers[i].fd, SOL_SOCKET, SO_MEMINFO, words, &length) == 0:
                total += words[MEMINFO_DROPS]
        return total

    def viewer(self, int index) -> dict:
        """Counters of one viewer; `streams` has one entry per SSRC."""
        cdef Viewer *viewer
        if not 0 <= index < self.count:
            raise IndexError(index)
        viewer = self.viewers[index]
        return {
            "rtcp_packets": viewer.rtcp_packets, "stun_packets": viewer.stun_packets,
            "other_packets": viewer.other_packets, "strays": viewer.strays,
            "authenticated": viewer.authenticated, "refused": viewer.refused, "send_errors": viewer.send_errors,
            "streams": [_counts(&viewer.streams[i]) for i in range(viewer.stream_count)],
        }

    def totals(self) -> tuple:
        """(RTP packets, RTP bytes, lost by sequence, duplicates, refused by authentication) over all viewers."""
        cdef uint64_t packets = 0, size = 0, duplicates = 0, refused = 0
        cdef int64_t lost = 0
        cdef int i, j
        cdef Reception *stream
        for i in range(self.count):
            refused += self.viewers[i].refused
            packets += self.viewers[i].strays
            for j in range(self.viewers[i].stream_count):
                stream = &self.viewers[i].streams[j]
                packets += stream.packets + stream.duplicates
                size += stream.bytes
                duplicates += stream.duplicates
                lost += stream.highest_sequence - stream.first_sequence + 1 - <int64_t>stream.packets
        return packets, size, lost, duplicates, refused


cdef dict _counts(Reception *stream):
    return {
        "ssrc": stream.ssrc, "payload_type": stream.payload_type, "packets": stream.packets, "bytes": stream.bytes,
        "duplicates": stream.duplicates, "late": stream.late,
        "lost": stream.highest_sequence - stream.first_sequence + 1 - <int64_t>stream.packets,
        "sender_report_seen": stream.last_report_middle != 0,
    }
