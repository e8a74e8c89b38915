# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The loop of a plane thread: wait, apply commands, read, forward, report, send.

Runs without the GIL from start to stop: no pause of the interpreter can reach it. The work of one turn is bounded
(commands, datagrams, packets from other threads), so that none of them starves the rest.
"""

from libc.stdint cimport int64_t, uint32_t

from media.plane.backlog cimport backlog_serve
from media.plane.batch cimport batch_flush
from media.plane.bridge cimport bridge_drain_down, bridge_drain_up
from media.plane.command cimport command_drain
from media.plane.connection cimport connection_flush
from media.plane.datagram cimport datagram_receive
from media.plane.burst cimport burst_due, burst_serve
from media.plane.listener cimport listener_accept, listener_look, listener_serve
from media.plane.model cimport (
    WATCH_CONNECTION, WATCH_LISTENER, WATCH_MIRROR_DOWN, WATCH_MIRROR_UP, WATCH_SOCKET, Connection, Mirror, Socket,
    Watch,
)
from media.plane.probe cimport probe_due
from media.plane.net cimport epoll_event, epoll_pwait2, monotonic_ns, realtime_ns, timespec
from media.plane.report cimport TICK_LATEST_NS, TICK_NS, report_tick
from media.plane.ring cimport ring_finish_wait, ring_prepare_wait, ring_put_off, ring_used

cdef enum:
    MAX_EVENTS = 64
    IDLE_NS = 200000000         # tick without any transport
    DATAGRAMS_A_TURN = 256      # of one socket; epoll reports what is left
    FEEDBACKS_A_TURN = 16       # some 60 us: what a thousand viewers report at a tick must not hold up a picture


cdef void _sleep_time(PlaneState *plane, timespec *wait) noexcept nogil:
    cdef int64_t until = plane.wake_by_ns
    cdef int index
    for index in range(plane.waiting_count):
        if plane.waiting[index].pending_since_ns + plane.flush_after_ns < until:
            until = plane.waiting[index].pending_since_ns + plane.flush_after_ns
    if plane.probed != NULL and plane.next_probe_ns < until:
        until = plane.next_probe_ns
    if plane.backlogs != NULL and plane.backlog_due_ns < until:
        until = plane.backlog_due_ns
    until -= monotonic_ns()
    if until < 0 or plane.in_service != NULL or plane.feedback_waits:
        until = 0
    wait.tv_sec = until // 1000000000
    wait.tv_nsec = until % 1000000000


cdef void _tick(PlaneState *plane) noexcept nogil:
    plane.wall_offset_ns = realtime_ns() - monotonic_ns()
    plane.last_tick_ns = plane.now_ns
    plane.next_tick_ns = plane.now_ns + (TICK_NS if plane.transport_count else IDLE_NS)
    plane.wake_by_ns = plane.now_ns + (TICK_LATEST_NS if plane.transport_count else IDLE_NS)
    plane.feedback_waits = plane.has_feedback_socket
    report_tick(plane)
    listener_look(plane)


cdef void _mirror_down(PlaneState *plane, Mirror *mirror) noexcept nogil:
    bridge_drain_down(plane, mirror)
    if ring_used(&mirror.down):
        return                  # the eventfd stays readable: epoll reports the rest after the others had their turn
    ring_finish_wait(&mirror.down)
    if not ring_prepare_wait(&mirror.down):
        ring_put_off(&mirror.down)      # what came meanwhile: after the others as well, or it might never end


cdef void _mirror_up(PlaneState *plane, Mirror *mirror) noexcept nogil:
    ring_finish_wait(&mirror.up)
    bridge_drain_up(plane, mirror)
    if not ring_prepare_wait(&mirror.up):
        ring_put_off(&mirror.up)


cdef void _dispatch(PlaneState *plane, Watch *watch, uint32_t events) noexcept nogil:
    if watch.kind == WATCH_SOCKET:
        datagram_receive(plane, <Socket *>watch.object, DATAGRAMS_A_TURN)
    elif watch.kind == WATCH_CONNECTION:
        listener_serve(plane, <Connection *>watch.object, events)
    elif watch.kind == WATCH_LISTENER:
        listener_accept(plane)
    elif watch.kind == WATCH_MIRROR_DOWN:
        _mirror_down(plane, <Mirror *>watch.object)
    elif watch.kind == WATCH_MIRROR_UP:
        _mirror_up(plane, <Mirror *>watch.object)


cdef void plane_loop(PlaneState *plane) noexcept nogil:
    """Run until COMMAND_STOP."""
    cdef epoll_event events[MAX_EVENTS]
    cdef timespec wait
    cdef int count, index
    plane.now_ns = monotonic_ns()
    plane.wall_offset_ns = realtime_ns() - monotonic_ns()
    while not plane.stop:
        _sleep_time(plane, &wait)
        if not ring_prepare_wait(&plane.commands):
            wait.tv_sec = 0
            wait.tv_nsec = 0
        count = epoll_pwait2(plane.epoll, events, MAX_EVENTS, &wait, NULL)
        ring_finish_wait(&plane.commands)
        plane.now_ns = monotonic_ns()
        if ring_used(&plane.commands):
            # What control ordered before a datagram arrived must hold for it (a ufrag, an address). A command may
            # also end what one of these events points to: ask again.
            command_drain(plane)
            wait.tv_sec = 0
            wait.tv_nsec = 0
            count = epoll_pwait2(plane.epoll, events, MAX_EVENTS, &wait, NULL)
        plane.wakeups += 1
        plane.work_left = plane.work_a_turn
        for index in range(count):
            _dispatch(plane, <Watch *>events[index].data.ptr, events[index].events)
        burst_due(plane)
        if plane.probed != NULL and plane.now_ns >= plane.next_probe_ns:
            probe_due(plane)
        if plane.now_ns >= plane.next_tick_ns:
            _tick(plane)
        if plane.feedback_waits:
            plane.feedback_waits = datagram_receive(plane, &plane.feedback_socket, FEEDBACKS_A_TURN)
        burst_serve(plane)
        backlog_serve(plane)
        batch_flush(plane)
        connection_flush(plane)
