# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""The bare floor: what nobody who encrypts for each viewer can do without.

For every viewer: copy the packets of a burst, protect them with the viewer's own AES-128-GCM context, and send each
run of equal sizes in one GSO message (a shorter last packet closes a run), many messages to one `sendmmsg`. Nothing is
received, looked up, rewritten or kept.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from benchmarks.load.linux cimport SOL_UDP, put16, sleep_until
from benchmarks.load.schedule cimport (
    MAX_BURST_PACKETS, MAX_RTP_BYTES, Header, Schedule, Slot, packet_write, schedule_fill, schedule_free)
from media.plane.net cimport (
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_SPACE, UDP_SEGMENT, cmsghdr, iovec, mmsghdr, monotonic_ns, sendmmsg,
    sockaddr_in)
from media.plane.srtp cimport srtp_protect

cdef enum:
    BATCH_MESSAGES = 128
    # Packets between two sendmmsg; small enough to stay in the second-level cache until the kernel has copied them.
    ARENA_BYTES = 262144
    MAX_SEGMENTS = 64          # UDP_MAX_SEGMENTS of older kernels
    MAX_RUN_BYTES = 65000
    PAD_AT_MOST_BYTES = 24      # as ours does
    CONTROL_BYTES = 32
    IDLE_NS = 10000000


cdef struct Target:
    sockaddr_in address
    void *protect


cdef class Floor:
    """One socket, many viewers, one traffic shape.

    `targets` holds (address, port, keys) of each viewer; `padded` equalises sizes within a burst by RTP padding, which
    a server may do too.
    """

    cdef Target *targets
    cdef int target_count
    cdef Schedule schedule
    cdef Header header
    cdef int fd
    cdef bint padded
    cdef bint wanted
    cdef bint stopping
    cdef readonly uint64_t packets
    cdef readonly uint64_t failures
    cdef list _keys
    cdef uint8_t *templates
    cdef int lengths[MAX_BURST_PACKETS]
    cdef uint8_t *arena
    cdef int arena_used
    cdef mmsghdr messages[BATCH_MESSAGES]
    cdef iovec vectors[BATCH_MESSAGES]
    cdef uint8_t controls[BATCH_MESSAGES][CONTROL_BYTES]
    cdef int message_count

    def __cinit__(self, socket, targets, shape, *, int payload_type, int transport_cc_id, bint padded=False):
        cdef Target *target
        cdef uintptr_t protect
        cdef bytes raw
        self.target_count = len(targets)
        self.targets = <Target *>calloc(self.target_count, sizeof(Target))
        self.templates = <uint8_t *>calloc(MAX_BURST_PACKETS, MAX_RTP_BYTES)
        self.arena = <uint8_t *>malloc(ARENA_BYTES)
        if self.targets == NULL or self.templates == NULL or self.arena == NULL:
            raise MemoryError
        for index, (address, port, keys) in enumerate(targets):
            target = &self.targets[index]
            raw = bytes(map(int, address.split(".")))
            target.address.sin_family = 2
            put16(<uint8_t *>&target.address.sin_port, port)
            memcpy(&target.address.sin_addr, <const uint8_t *>raw, 4)
            protect = keys.pointers[0]
            target.protect = <void *>protect
        self._keys = list(targets)
        self.fd = socket.fileno()
        self.padded = padded
        schedule_fill(&self.schedule, shape)
        self.header.ssrc = 0xF1000000
        self.header.payload_type = payload_type
        self.header.transport_cc_id = transport_cc_id
        self.header.sequence = 65000

    def __dealloc__(self):
        schedule_free(&self.schedule)
        free(self.targets)
        free(self.templates)
        free(self.arena)

    def send(self, bint on) -> None:
        """Send from now on, from the beginning of the period, or fall silent; from any thread."""
        self.wanted = on

    def stop(self) -> None:
        """Make `run` return; from any thread."""
        self.stopping = True

    def run(self) -> None:
        """Serve the viewers until `stop`."""
        with nogil:
            while not self.stopping:
                if self.wanted:
                    self._send_periods()
                else:
                    sleep_until(monotonic_ns() + IDLE_NS)

    cdef void _send_periods(self) noexcept nogil:
        cdef int64_t started_ns = monotonic_ns()
        cdef int i
        while True:
            for i in range(self.schedule.slot_count):
                sleep_until(started_ns + self.schedule.slots[i].at_ns)
                if self.stopping or not self.wanted:
                    return
                self._send_slot(&self.schedule.slots[i])
            started_ns += self.schedule.period_ns

    cdef void _send_slot(self, Slot *slot) noexcept nogil:
        cdef int place, i
        self.header.timestamp = slot.timestamp
        for place in range(slot.count):
            self.lengths[place] = packet_write(
                self.templates + place * MAX_RTP_BYTES, &self.header, &self.schedule, slot, place, slot.keyframe)
            self.header.sequence += 1
            self.header.transport_sequence += 1
        if self.padded:
            self._pad(slot.count)
        for i in range(self.target_count):
            self._send_to(&self.targets[i], slot.count)
        self._flush()

    cdef void _pad(self, int count) noexcept nogil:
        """Bring packets that are a few bytes shorter than the longest of the burst to its length."""
        cdef int place, longest = 0, missing
        cdef uint8_t *packet
        for place in range(count):
            longest = max(longest, self.lengths[place])
        for place in range(count):
            missing = longest - self.lengths[place]
            if 0 < missing <= PAD_AT_MOST_BYTES:
                packet = self.templates + place * MAX_RTP_BYTES
                memset(packet + self.lengths[place], 0, missing)
                packet[longest - 1] = <uint8_t>missing
                packet[0] |= 0x20
                self.lengths[place] = longest

    cdef void _send_to(self, Target *target, int count) noexcept nogil:
        cdef int place = 0, size, length, segments
        cdef uint8_t *run
        while place < count:
            if self.message_count == BATCH_MESSAGES or self.arena_used + MAX_RUN_BYTES > ARENA_BYTES:
                self._flush()
            run = self.arena + self.arena_used
            size = 0
            segments = 0
            while place < count and segments < MAX_SEGMENTS:
                if segments and self.lengths[place] > self.lengths[place - 1]:
                    break
                length = self.lengths[place]
                if size + length + 32 > MAX_RUN_BYTES:
                    break
                memcpy(run + size, self.templates + place * MAX_RTP_BYTES, length)
                if srtp_protect(target.protect, run + size, &length) != 0:
                    self.failures += 1
                size += length
                segments += 1
                place += 1
                if segments > 1 and self.lengths[place - 1] < self.lengths[place - 2]:
                    break
            self._append(target, run, size, segments, size // segments if segments == 1 else
                         self.lengths[place - segments] + (length - self.lengths[place - 1]))
            self.packets += segments

    cdef void _append(self, Target *target, uint8_t *run, int size, int segments, int segment) noexcept nogil:
        cdef mmsghdr *message = &self.messages[self.message_count]
        cdef iovec *vector = &self.vectors[self.message_count]
        cdef cmsghdr *control
        vector.iov_base = run
        vector.iov_len = size
        message.msg_hdr.msg_name = &target.address
        message.msg_hdr.msg_namelen = sizeof(sockaddr_in)
        message.msg_hdr.msg_iov = vector
        message.msg_hdr.msg_iovlen = 1
        message.msg_hdr.msg_flags = 0
        if segments > 1:
            message.msg_hdr.msg_control = self.controls[self.message_count]
            message.msg_hdr.msg_controllen = CMSG_SPACE(sizeof(uint16_t))
            control = CMSG_FIRSTHDR(&message.msg_hdr)
            control.cmsg_level = SOL_UDP
            control.cmsg_type = UDP_SEGMENT
            control.cmsg_len = CMSG_LEN(sizeof(uint16_t))
            (<uint16_t *>CMSG_DATA(control))[0] = <uint16_t>segment
        else:
            message.msg_hdr.msg_control = NULL
            message.msg_hdr.msg_controllen = 0
        self.message_count += 1
        self.arena_used += size

    cdef void _flush(self) noexcept nogil:
        cdef int done = 0, sent
        while done < self.message_count:
            sent = sendmmsg(self.fd, &self.messages[done], self.message_count - done, 0)
            if sent <= 0:
                self.failures += 1
                sent = 1
            done += sent
        self.message_count = 0
        self.arena_used = 0
