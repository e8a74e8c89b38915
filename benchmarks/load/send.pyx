# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Publish as many browsers would: protected RTP in the times and sizes of a traffic shape.

One thread without the GIL serves all publishers. The packets of a burst leave in one `sendmmsg` without GSO, so they
arrive one by one as from another machine. Sender reports and consent checks go out at a browser's cadence; a PLI or
FIR makes the next frame a keyframe. The time noted for a packet is taken just before the call that sends it.
"""

import threading
from os import SCHED_FIFO, sched_param, sched_setaffinity, sched_setscheduler

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from benchmarks.load.linux cimport get16, send, sleep_until
from benchmarks.load.record cimport Record
from benchmarks.load.rtcp cimport RTCP_BUFFER_BYTES, sender_report_write
from benchmarks.load.schedule cimport (
    MAX_BURST_PACKETS, MAX_RTP_BYTES, Header, Schedule, Slot, packet_write, schedule_fill, schedule_free)
from media.plane.net cimport (
    MSG_DONTWAIT, MSG_TRUNC, iovec, mmsghdr, monotonic_ns, realtime_ns, recvmmsg, sendmmsg)
from media.plane.srtp cimport srtp_protect, srtp_protect_rtcp, srtp_unprotect_rtcp

cdef int64_t SERVICE_NS = 20000000          # how often reports, consent and incoming packets are looked at
cdef int64_t CONSENT_NS = 2500000000
cdef int64_t VIDEO_REPORT_NS = 1000000000
cdef int64_t AUDIO_REPORT_NS = 5000000000

cdef enum:
    DRAIN_PACKETS = 32
    DRAIN_BYTES = 512


cdef struct Transport:
    int fd
    void *protect              # NULL: plain RTP without RTCP
    void *unprotect
    int transport_cc_id
    uint32_t transport_sequence
    uint8_t *consent
    int consent_bytes
    int consent_count
    int consent_next
    int64_t next_consent_ns
    bint keyframe_asked
    uint64_t received
    uint64_t keyframe_requests
    uint64_t send_errors


cdef struct Flow:
    Transport *transport
    Schedule *schedule
    Header header
    uint32_t first_timestamp
    int64_t phase_ns
    int64_t started_ns         # when the period that is being sent began
    int slot
    int64_t due_ns
    uint64_t packets
    uint64_t octets
    int64_t next_report_ns


cdef class Sender:
    """The publishers of one benchmark and the thread that serves them.

    Give all paths and flows before `start`. `send` turns media on and off; consent checks go on all the time.
    `records` is the room, in packets, for times of departure.
    """

    cdef Transport **transports
    cdef int transport_count
    cdef Flow **flows
    cdef int flow_count
    cdef int capacity
    cdef list _paths
    cdef dict _schedules
    cdef bint stopping
    cdef bint wanted
    cdef bint sending
    cdef Record *records
    cdef size_t record_capacity
    cdef size_t record_count
    cdef bint recording
    cdef mmsghdr messages[MAX_BURST_PACKETS]
    cdef iovec vectors[MAX_BURST_PACKETS]
    cdef uint8_t *buffers
    cdef object _thread
    cdef object _core

    def __cinit__(self, int capacity=512, size_t records=0, core=None):
        cdef int i
        self.capacity = capacity
        self.transports = <Transport **>calloc(capacity, sizeof(Transport *))
        self.flows = <Flow **>calloc(capacity, sizeof(Flow *))
        self.buffers = <uint8_t *>malloc(MAX_BURST_PACKETS * MAX_RTP_BYTES)
        if self.transports == NULL or self.flows == NULL or self.buffers == NULL:
            raise MemoryError
        if records:
            self.records = <Record *>malloc(records * sizeof(Record))
            if self.records == NULL:
                raise MemoryError
        self.record_capacity = records
        for i in range(MAX_BURST_PACKETS):
            self.vectors[i].iov_base = self.buffers + i * MAX_RTP_BYTES
            self.messages[i].msg_hdr.msg_name = NULL
            self.messages[i].msg_hdr.msg_namelen = 0
            self.messages[i].msg_hdr.msg_iov = &self.vectors[i]
            self.messages[i].msg_hdr.msg_iovlen = 1
            self.messages[i].msg_hdr.msg_control = NULL
            self.messages[i].msg_hdr.msg_controllen = 0
        self._paths = []
        self._schedules = {}
        self._core = core

    def __dealloc__(self):
        cdef int i
        for i in range(self.transport_count):
            free(self.transports[i].consent)
            free(self.transports[i])
        for i in range(self.flow_count):
            free(self.flows[i])
        free(self.transports)
        free(self.flows)
        free(self.buffers)
        free(self.records)

    def add_path(self, path) -> int:
        """Take over the socket of a publisher's `Path`; returns the index that `add_flow` wants."""
        cdef Transport *transport
        cdef uintptr_t protect = 0, unprotect = 0
        cdef bytes consent = b"".join(path.consent)
        if self.transport_count == self.capacity:
            raise ValueError(f"room for {self.capacity} publishers only")
        transport = <Transport *>calloc(1, sizeof(Transport))
        if transport == NULL:
            raise MemoryError
        transport.consent = <uint8_t *>malloc(len(consent) + 1)
        memcpy(transport.consent, <const uint8_t *>consent, len(consent))
        transport.consent_count = len(path.consent)
        transport.consent_bytes = len(path.consent[0]) if path.consent else 0
        transport.fd = path.socket.fileno()
        if path.keys is not None:
            protect, unprotect = path.keys.pointers
        transport.protect = <void *>protect
        transport.unprotect = <void *>unprotect
        transport.transport_cc_id = path.transport_cc_id
        transport.next_consent_ns = monotonic_ns() + (self.transport_count * 7919 % 2500) * 1000000
        self._paths.append(path)
        self.transports[self.transport_count] = transport
        self.transport_count += 1
        return self.transport_count - 1

    def add_flow(self, int path, shape, *, uint32_t ssrc, int payload_type, int64_t phase_ns=0,
                 int audio_level_id=0, int first_sequence=65000, uint32_t first_timestamp=0xFFFF0000) -> int:
        """Add a stream of the given shape to a path; returns the flow's index, which records carry as `path`.

        `phase_ns` is where in its period the shape begins when media is turned on.
        """
        cdef Flow *flow
        cdef _Schedule schedule
        if self.flow_count == self.capacity:
            raise ValueError(f"room for {self.capacity} flows only")
        if not 0 <= path < self.transport_count:
            raise IndexError(path)
        schedule = self._schedules.get(shape)
        if schedule is None:
            schedule = self._schedules[shape] = _Schedule(shape)
        flow = <Flow *>calloc(1, sizeof(Flow))
        if flow == NULL:
            raise MemoryError
        flow.transport = self.transports[path]
        flow.schedule = &schedule.schedule
        flow.header.ssrc = ssrc
        flow.header.payload_type = payload_type
        flow.header.sequence = first_sequence & 0xFFFF
        flow.header.transport_cc_id = flow.transport.transport_cc_id
        flow.header.audio_level_id = audio_level_id
        flow.first_timestamp = first_timestamp
        flow.phase_ns = phase_ns % flow.schedule.period_ns
        self.flows[self.flow_count] = flow
        self.flow_count += 1
        return self.flow_count - 1

    def start(self) -> None:
        """Start the thread, before its neighbours in the same core's queue where the system allows it."""
        self.stopping = False
        self._thread = threading.Thread(target=self._run, name="load-send", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self.stopping = True
            self._thread.join()
            self._thread = None

    def send(self, bint on) -> None:
        """Send media from now on, each flow from its place in its period, or fall silent."""
        self.wanted = on

    def record(self, bint on) -> None:
        """Begin anew to keep times of departure, or stop keeping them."""
        if on:
            self.record_count = 0
        self.recording = on

    def recorded(self) -> bytes:
        """The records kept so far, laid out as `records.DTYPE`."""
        cdef size_t count = self.record_count
        return (<const uint8_t *>self.records)[:count * sizeof(Record)] if count else b""

    @property
    def packets(self) -> int:
        """RTP packets sent so far."""
        cdef uint64_t total = 0
        cdef int i
        for i in range(self.flow_count):
            total += self.flows[i].packets
        return total

    def path(self, int index) -> dict:
        """Counters of one path."""
        if not 0 <= index < self.transport_count:
            raise IndexError(index)
        return {
            "received": self.transports[index].received, "send_errors": self.transports[index].send_errors,
            "keyframe_requests": self.transports[index].keyframe_requests,
        }

    def _run(self) -> None:
        if self._core is not None:
            sched_setaffinity(0, {self._core})
        try:
            sched_setscheduler(0, SCHED_FIFO, sched_param(1))
        except PermissionError:
            pass  # bursts may then leave later than their shape says, which their noted times tell
        with nogil:
            self._loop()

    cdef void _loop(self) noexcept nogil:
        cdef int64_t now_ns, next_ns, service_ns = 0
        cdef int i
        while not self.stopping:
            now_ns = monotonic_ns()
            if self.wanted and not self.sending:
                self._begin(now_ns)
            self.sending = self.wanted
            next_ns = service_ns
            if self.sending:
                for i in range(self.flow_count):
                    if self.flows[i].due_ns <= now_ns:
                        self._send_slot(i)
                    next_ns = min(next_ns, self.flows[i].due_ns)
            if now_ns >= service_ns:
                service_ns = now_ns + SERVICE_NS
                for i in range(self.transport_count):
                    self._serve(self.transports[i], now_ns)
                self._send_reports(now_ns)
                continue
            sleep_until(next_ns)

    cdef void _begin(self, int64_t now_ns) noexcept nogil:
        cdef int i
        cdef Flow *flow
        for i in range(self.flow_count):
            flow = self.flows[i]
            flow.started_ns = now_ns - flow.phase_ns
            flow.slot = 0
            while flow.slot < flow.schedule.slot_count and flow.schedule.slots[flow.slot].at_ns < flow.phase_ns:
                flow.slot += 1
            self._wrap(flow)
            flow.next_report_ns = now_ns + i % 50 * SERVICE_NS

    cdef void _wrap(self, Flow *flow) noexcept nogil:
        """Go on with the next period after the last slot; set when the next slot is due."""
        if flow.slot >= flow.schedule.slot_count:
            flow.slot = 0
            flow.started_ns += flow.schedule.period_ns
        flow.due_ns = flow.started_ns + flow.schedule.slots[flow.slot].at_ns

    cdef uint32_t _timestamp(self, Flow *flow, int64_t at_ns) noexcept nogil:
        """The media time of an instant; seconds and the rest apart, so that no bit is lost."""
        return flow.first_timestamp + <uint32_t>(
            at_ns // 1000000000 * flow.schedule.clock_rate_hz
            + at_ns % 1000000000 * flow.schedule.clock_rate_hz // 1000000000)

    cdef void _send_slot(self, int index) noexcept nogil:
        cdef Flow *flow = self.flows[index]
        cdef Transport *transport = flow.transport
        cdef Slot *slot = &flow.schedule.slots[flow.slot]
        cdef bint keyframe = slot.keyframe or (
            transport.keyframe_asked and flow.schedule.video and slot.starts_frame)
        cdef uint8_t *packet
        cdef int place, length, sent = 0
        cdef int64_t wall_ns
        if keyframe:
            transport.keyframe_asked = False
        flow.header.timestamp = self._timestamp(flow, flow.started_ns) + slot.timestamp
        for place in range(slot.count):
            packet = self.buffers + place * MAX_RTP_BYTES
            flow.header.transport_sequence = transport.transport_sequence & 0xFFFF
            length = packet_write(packet, &flow.header, flow.schedule, slot, place, keyframe)
            flow.octets += length - 12
            self._record(index, &flow.header, length)
            flow.header.sequence += 1
            transport.transport_sequence += 1
            if transport.protect != NULL:
                srtp_protect(transport.protect, packet, &length)
            self.vectors[place].iov_len = length
        wall_ns = realtime_ns()
        self._stamp(wall_ns)
        sent = sendmmsg(transport.fd, self.messages, slot.count, MSG_DONTWAIT)
        if sent < slot.count:
            transport.send_errors += slot.count - max(sent, 0)
        flow.packets += slot.count
        flow.slot += 1
        self._wrap(flow)

    cdef void _record(self, int index, Header *header, int length) noexcept nogil:
        cdef Record *record
        if not self.recording or self.record_count == self.record_capacity:
            return
        record = &self.records[self.record_count]
        record.at_ns = 0
        record.path = index
        record.ssrc = header.ssrc
        record.timestamp = header.timestamp
        record.sequence = header.sequence
        record.length_bytes = length
        self.record_count += 1

    cdef void _stamp(self, int64_t wall_ns) noexcept nogil:
        """Give the records of this burst, the last that were made, the time of the call that sends it."""
        cdef size_t at = self.record_count
        while at > 0 and self.records[at - 1].at_ns == 0:
            at -= 1
            self.records[at].at_ns = wall_ns

    cdef void _send_reports(self, int64_t now_ns) noexcept nogil:
        cdef uint8_t out[RTCP_BUFFER_BYTES + 160]
        cdef Flow *flow
        cdef int i, length
        if not self.sending:
            return
        for i in range(self.flow_count):
            flow = self.flows[i]
            if flow.transport.protect == NULL or now_ns < flow.next_report_ns or not flow.packets:
                continue
            flow.next_report_ns = now_ns + (VIDEO_REPORT_NS if flow.schedule.video else AUDIO_REPORT_NS)
            length = sender_report_write(
                out, flow.header.ssrc, realtime_ns(), self._timestamp(flow, monotonic_ns()),
                <uint32_t>flow.packets, <uint32_t>flow.octets)
            if (srtp_protect_rtcp(flow.transport.protect, out, &length) != 0
                    or send(flow.transport.fd, out, length, MSG_DONTWAIT) < 0):
                flow.transport.send_errors += 1

    cdef void _serve(self, Transport *transport, int64_t now_ns) noexcept nogil:
        """Send a consent check when one is due; read what the server sent and heed its keyframe requests."""
        cdef mmsghdr messages[DRAIN_PACKETS]
        cdef iovec vectors[DRAIN_PACKETS]
        cdef uint8_t buffers[DRAIN_PACKETS][DRAIN_BYTES]
        cdef int i, got
        if transport.consent_count and now_ns >= transport.next_consent_ns:
            transport.next_consent_ns += CONSENT_NS
            if send(transport.fd, transport.consent + transport.consent_next * transport.consent_bytes,
                    transport.consent_bytes, MSG_DONTWAIT) < 0:
                transport.send_errors += 1
            transport.consent_next = (transport.consent_next + 1) % transport.consent_count
        for i in range(DRAIN_PACKETS):
            vectors[i].iov_base = buffers[i]
            vectors[i].iov_len = DRAIN_BYTES
            messages[i].msg_hdr.msg_name = NULL
            messages[i].msg_hdr.msg_namelen = 0
            messages[i].msg_hdr.msg_iov = &vectors[i]
            messages[i].msg_hdr.msg_iovlen = 1
            messages[i].msg_hdr.msg_control = NULL
            messages[i].msg_hdr.msg_controllen = 0
        got = recvmmsg(transport.fd, messages, DRAIN_PACKETS, MSG_DONTWAIT | MSG_TRUNC, NULL)
        for i in range(got):
            transport.received += 1
            self._read(transport, buffers[i], <int>messages[i].msg_len)

    cdef void _read(self, Transport *transport, uint8_t *packet, int length) noexcept nogil:
        cdef int at = 0
        if length < 12 or length > DRAIN_BYTES or not 192 <= packet[1] <= 223 or packet[0] >> 6 != 2:
            return
        if transport.unprotect == NULL or srtp_unprotect_rtcp(transport.unprotect, packet, &length) != 0:
            return
        while at + 4 <= length:
            if packet[at + 1] == 206 and packet[at] & 31 in (1, 4):
                transport.keyframe_asked = True
                transport.keyframe_requests += 1
            at += 4 * (<int>get16(packet + at + 2) + 1)


cdef class _Schedule:
    """Owner of a shape's memory, shared by the flows that send it."""

    cdef Schedule schedule

    def __cinit__(self, shape):
        schedule_fill(&self.schedule, shape)

    def __dealloc__(self):
        schedule_free(&self.schedule)
