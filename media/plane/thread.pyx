# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A plane thread as control sees it: started, commanded, listened to, stopped.

Control is one thread (the event loop's): the command ring has one producer. Every object of the plane is allocated by
control, handed over by a command, and freed only after the thread has answered its removal, or has ended.
"""

import os
import random
import threading
import time
from dataclasses import dataclass

from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from media.plane.address cimport Address
from media.plane.batch cimport batch_free, batch_init
from media.plane.command cimport COMMAND_STOP, COMMAND_TAKE_CONNECTION
from media.plane.datagram cimport receiver_init
from media.plane.event cimport EVENT_BYE, EVENT_DTLS, EVENT_FREED, EVENT_STREAM_BOUND, EVENT_STUN, Event
from media.plane.listener cimport listener_close
from media.plane.loop cimport plane_loop
from media.plane.memory cimport ip_text
from media.plane.model cimport (
    DROP_REASONS, MAX_ADDRESSES, MAX_UFRAGS, WATCH_COMMANDS, WATCH_LISTENER, WATCH_SOCKET, Socket, Watch,
)
from media.plane.names import DROP_NAMES, PlaneError, TcpAddress
from media.plane.net cimport (
    EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLLIN, close_descriptor, epoll_create1, epoll_ctl, epoll_event, errno,
)
from media.plane.priority import prefer_this_thread
from media.plane.sockets import WILDCARDS, hold_little, open_sockets
from media.plane.ratelimit cimport bucket_init
from media.plane.ring cimport (
    ring_commit, ring_fd, ring_finish_wait, ring_free, ring_init, ring_peek, ring_pop, ring_prepare_wait, ring_reserve,
)
from media.plane.table cimport address_table_free, address_table_init, ufrag_table_free, ufrag_table_init

cdef enum:
    RING_SLOTS = 1024
    COMMAND_WAIT_S = 2          # a healthy plane empties its ring in microseconds
    CONNECTIONS_FIRST = 65533   # connections are numbered from behind this, so that the numbers wrap where it is seen

# STUN checks of unknown addresses that one plane thread hands to control, all together: at 15 us each 2 % of a core.
STRANGER_CHECKS_A_SECOND = 1000
# A latched sender without keys keeps its port while it is heard more often than this. Longer than a source takes to be
# called silent (`limits.silent_after_s`), and than the 6.2 s that a peer on hold, who sends only reports, may let
# pass between two of them (RFC 3550 section 6.3.1).
LATCH_SILENCE_MS = 7000
# A validated address stays its peer's for so long after an authentic packet, whoever else names it in a valid check.
# Who sends pictures or sound, or gets pictures, is heard far more often. Not longer: after a power failure a router
# gives the ports of those who were cut off to those who come back.
ADDRESS_HELD_MS = 1500
# What a stranger's TCP connection has for a valid check; a page sends its first one at once.
STRANGER_MS = 5000
# What a peer's has for the next valid check: as a consent (RFC 7675 section 5.1), and a little more.
CONNECTION_IDLE_MS = 35000


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """A STUN request that names one of our ufrags, or a DTLS datagram from a validated address."""

    kind: str
    "`stun` or `dtls`"
    transport: object
    data: bytes
    remote: tuple
    "(host, port), or a TcpAddress"
    local: str
    "the address it was sent to; empty where the socket is bound to one, and over TCP"


@dataclass(frozen=True, slots=True)
class StreamBound:
    """An SSRC was bound to a publication's layer, or the layer changed its codec."""

    publication: object


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The publisher said goodbye (RTCP BYE) for a stream of this publication."""

    publication: object


PlaneEvent = DatagramReceived | StreamBound | StreamEnded


cdef object _remote(const Address *address):
    if address.connection:
        return TcpAddress(ip_text(address), address.port, address.connection)
    return ip_text(address), address.port


cdef class PlaneThread:
    """One thread, one UDP port, and everything that is pinned to it; a TCP port too unless `tcp_port` is None.

    Raises PlaneError when its sockets or its epoll cannot be had. `close()` must be called once; until then `fileno()`
    becomes readable when `events()` has something to say.
    """

    def __cinit__(self):
        self.state = <PlaneState *>calloc(1, sizeof(PlaneState))
        if self.state == NULL:
            raise MemoryError
        self.state.epoll = -1

    def __init__(self, index, host, port, *, tcp_port=None, receive_bytes=4 << 20, send_bytes=4 << 20, flush_us=800,
                 keyframe_interval_ms=500, max_ssrcs=32, max_transports=4096, gso=True, work_a_turn=512,
                 latch_silence_ms=LATCH_SILENCE_MS, address_held_ms=ADDRESS_HELD_MS, stranger_ms=STRANGER_MS,
                 connection_idle_ms=CONNECTION_IDLE_MS):
        if work_a_turn < 1:
            raise ValueError("a turn must do some work")
        self.index = index
        self.live = {}
        self.named = {}
        self.collected = []
        self.sockets = open_sockets(host, port, receive_bytes, send_bytes, tcp_port)
        self.port = self.sockets.port
        self.tcp_port = self.sockets.tcp_port
        try:
            self._fill(host, flush_us, keyframe_interval_ms, max_ssrcs, max_transports, gso)
        except BaseException:
            self.sockets.close()
            raise
        self.state.work_a_turn = work_a_turn
        self.state.latch_silence_ns = latch_silence_ms * 1000000
        self.state.address_held_ns = address_held_ms * 1000000
        self.state.stranger_ns = stranger_ms * 1000000
        self.state.connection_idle_ns = connection_idle_ms * 1000000
        self.worker = threading.Thread(target=self._run, name=f"plane-{index}", daemon=True)
        self.worker.start()

    def _fill(self, host, flush_us, keyframe_interval_ms, max_ssrcs, max_transports, gso):
        cdef PlaneState *state = self.state
        state.index = self.index
        state.flush_after_ns = flush_us * 1000
        state.keyframe_interval_ns = keyframe_interval_ms * 1000000
        state.max_ssrcs = max_ssrcs
        state.gso = 1 if gso else 0
        self._fill_socket(&state.socket, self.sockets.main, host)
        if self.sockets.feedback is not None:
            self._fill_socket(&state.feedback_socket, self.sockets.feedback, host)
            state.has_feedback_socket = 1
        state.connections_numbered = CONNECTIONS_FIRST
        state.max_connections = max_transports + MAX_ADDRESSES
        if self.sockets.listener is not None:
            self._fill_socket(&state.listener, self.sockets.listener, host)
            state.listener.watch.kind = WATCH_LISTENER
        state.command_watch.kind = WATCH_COMMANDS
        bucket_init(&state.stranger_stun_bucket, STRANGER_CHECKS_A_SECOND, STRANGER_CHECKS_A_SECOND // 5)
        seed = random.SystemRandom().getrandbits(63)
        receiver_init(state)
        failed = batch_init(&state.batch)
        failed |= ring_init(&state.commands, sizeof(Command), RING_SLOTS)
        failed |= ring_init(&state.events, sizeof(Event), RING_SLOTS)
        failed |= address_table_init(&state.addresses, max_transports * MAX_ADDRESSES, seed)
        failed |= ufrag_table_init(&state.ufrags, max_transports * MAX_UFRAGS, seed)
        if failed:
            raise MemoryError
        state.epoll = epoll_create1(EPOLL_CLOEXEC)
        if state.epoll < 0:
            self._refused("epoll_create1", errno)
        self._watch(state.socket.fd, &state.socket.watch)
        self._watch(ring_fd(&state.commands), &state.command_watch)
        if self.sockets.listener is not None:
            self._watch(state.listener.fd, &state.listener.watch)

    cdef int _watch(self, int fd, Watch *watch) except -1:
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.ptr = watch
        if epoll_ctl(self.state.epoll, EPOLL_CTL_ADD, fd, &event) != 0:
            self._refused("epoll_ctl", errno)
        return 0

    def _refused(self, call, int problem):
        raise PlaneError(f"plane thread {self.index}: {call}: {os.strerror(problem)}")

    cdef int _fill_socket(self, Socket *filled, opened, host) except -1:
        filled.fd = opened.fileno()
        filled.family = opened.family
        filled.wildcard = host in WILDCARDS
        filled.watch.kind = WATCH_SOCKET
        filled.watch.object = filled
        return 0

    def _run(self):
        prefer_this_thread(f"plane-{self.index}")
        with nogil:
            plane_loop(self.state)

    def __dealloc__(self):
        if self.state != NULL:
            batch_free(&self.state.batch)
            ring_free(&self.state.commands)
            ring_free(&self.state.events)
            address_table_free(&self.state.addresses)
            ufrag_table_free(&self.state.ufrags)
            if self.state.epoll >= 0:
                close_descriptor(self.state.epoll)
            free(self.state)

    cdef Command *begin(self, CommandKind kind, void *object) except NULL:
        """Return a cleared command to fill and `commit`. Raises PlaneError when the thread has stopped reading."""
        cdef Command *command
        if self.worker is None:
            raise PlaneError("the plane thread has been closed")
        command = <Command *>ring_reserve(&self.state.commands)
        if command == NULL:
            command = self._wait_for_room()
        memset(command, 0, sizeof(Command) - sizeof(command.data))
        command.kind = kind
        command.object = object
        return command

    cdef Command *_wait_for_room(self) except NULL:
        """Wait for a place in the command ring, reading events meanwhile.

        The thread holds a command back whose answer finds the event ring full, and with it all that follow: who
        closes more objects in one go than both rings hold would otherwise wait for itself.
        """
        cdef Command *command = NULL
        deadline = time.monotonic() + COMMAND_WAIT_S
        while command == NULL:
            if time.monotonic() > deadline:
                raise PlaneError(f"plane thread {self.index} does not take commands")
            self._collect()
            time.sleep(0.0005)
            command = <Command *>ring_reserve(&self.state.commands)
        return command

    cdef int commit(self) except -1:
        ring_commit(&self.state.commands)
        return 0

    cdef int order(self, CommandKind kind, void *object) except -1:
        self.begin(kind, object)
        return self.commit()

    cdef int adopt(self, object owner, void *object) except -1:
        """Keep `owner` until the thread has given `object` back."""
        if self.worker is None:
            raise PlaneError("the plane thread has been closed")
        self.live[<uintptr_t>object] = owner
        self.named[owner.id] = owner
        return 0

    def fileno(self):
        """The eventfd to watch; `events()` arms it again."""
        return ring_fd(&self.state.events)

    def events(self):
        """Return the waiting events. Call once at the start, and whenever `fileno()` is readable."""
        ring_finish_wait(&self.state.events)
        self._collect()
        while not ring_prepare_wait(&self.state.events):
            self._collect()
        found, self.collected = self.collected, []
        return found

    cdef int _collect(self) except -1:
        """Empty the event ring: objects that come back are freed, the rest waits for `events()`."""
        cdef Event *event = <Event *>ring_peek(&self.state.events)
        while event != NULL:
            if event.kind == EVENT_FREED:
                owner = self.live.pop(<uintptr_t>event.object, None)
                if owner is not None:
                    del self.named[owner.id]
                    owner._freed()
            else:
                seen = self._event(event)
                if seen is not None:
                    self.collected.append(seen)
            ring_pop(&self.state.events)
            event = <Event *>ring_peek(&self.state.events)
        return 0

    cdef object _event(self, Event *event):
        if event.kind == EVENT_STUN or event.kind == EVENT_DTLS:
            owner = self.live.get(<uintptr_t>event.object)
            if owner is None or owner.id != event.id:
                return None
            return DatagramReceived(
                "stun" if event.kind == EVENT_STUN else "dtls",
                owner,
                (<const char *>event.data)[: event.length],
                _remote(&event.remote),
                ip_text(&event.local),
            )
        owner = self.named.get(event.id)
        if owner is None:
            return None
        return StreamBound(owner) if event.kind == EVENT_STREAM_BOUND else StreamEnded(owner)

    def take(self, connection):
        """Take over a connected TCP socket whose first frame, a check, is still to be read.

        Raises PlaneError; the socket is still the caller's then, and only then.
        """
        cdef Command *command
        connection.setblocking(False)
        hold_little(connection)
        command = self.begin(COMMAND_TAKE_CONNECTION, NULL)
        command.numbers[1] = connection.family
        command.numbers[0] = connection.detach()
        self.commit()

    def counters(self):
        """Totals of this thread since it started; drops by reason, those that have happened."""
        cdef PlaneState *state = self.state
        drops = {DROP_NAMES[reason]: state.drops[reason] for reason in range(DROP_REASONS) if state.drops[reason]}
        return {
            "wakeups": state.wakeups,
            "received_packets": state.received_packets,
            "sent_packets": state.sent_packets,
            "sent_octets": state.sent_octets,
            "sent_messages": state.sent_messages,
            "send_calls": state.send_calls,
            "transports": state.transport_count,
            "connections": state.connection_count,
            "drops": drops,
        }

    @property
    def links_filled(self):
        """How many times a viewer's link was found full that was not known to be."""
        return self.state.links_filled

    @property
    def live_objects(self):
        """Objects whose memory the thread may still use."""
        return len(self.live)

    def close(self):
        """Stop the thread and free what it still held."""
        if self.worker is None:
            return
        self.order(COMMAND_STOP, NULL)
        self.worker.join(0.05)
        while self.worker.is_alive():
            self._collect()         # a command before the stop may wait for room for its answer
            self.worker.join(0.001)
        self.worker = None
        listener_close(self.state)
        self.events()
        for owner in list(self.live.values()):
            owner._freed()
        self.live.clear()
        self.named.clear()
        self.sockets.close()
