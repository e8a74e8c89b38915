# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Apply control's commands, between batches, on the plane thread that owns the objects.

A command whose answer finds the event ring full stays in its ring and is tried again at the next wake-up; everything
else about it has been done by then and doing it again is harmless.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from media.plane.backlog cimport backlog_forget_route
from media.plane.connection cimport connection_find, connection_put
from media.plane.consent cimport CONSENT_KEY_BYTES, CONSENT_USERNAME_BYTES
from media.plane.datagram cimport address_to_control, address_to_name
from media.plane.estimate cimport Estimate
from media.plane.event cimport event_freed
from media.plane.burst cimport burst_forget
from media.plane.flexfec cimport flexfec_set
from media.plane.keyframe cimport keyframe_want
from media.plane.link cimport (
    link_address, link_mirror_near, link_publication, link_ready, link_route, link_tap, link_transport, link_ufrag,
    unlink_address, unlink_mirror_near, unlink_publication, unlink_route, unlink_tap, unlink_track, unlink_transport,
    unlink_ufrag,
)
from media.plane.listener cimport listener_take
from media.plane.model cimport (
    DROP_SEND, Mirror, Publication, Route, Tap, Track, Transport, Watch, drop,
)
from media.plane.net cimport (
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, MSG_DONTWAIT, epoll_ctl, epoll_event, iovec, mmsghdr, sendmmsg,
    sockaddr_in6,
)
from media.plane.pacer cimport Pacer
from media.plane.probe cimport probe_set
from media.plane.ring cimport Ring, ring_fd, ring_peek, ring_pop, ring_prepare_wait, ring_put_off
from media.plane.senderclock cimport senderclock_rtt
from media.plane.tap cimport tap_begin
from media.plane.twcc cimport TwccHistory, TwccRecorder
from media.plane.uplink cimport Uplink

cdef enum:
    DRAIN_LIMIT = 256           # commands of one wake-up


cdef void _watch(PlaneState *plane, int fd, Watch *watch) noexcept nogil:
    cdef epoll_event event
    event.events = EPOLLIN
    event.data.ptr = watch
    epoll_ctl(plane.epoll, EPOLL_CTL_ADD, fd, &event)


cdef void _unwatch(PlaneState *plane, int fd) noexcept nogil:
    cdef epoll_event event
    epoll_ctl(plane.epoll, EPOLL_CTL_DEL, fd, &event)


cdef void _select(Transport *transport, const Command *command) noexcept nogil:
    cdef int family = transport.socket.family
    transport.remote = command.remote
    # There, or it would not have been linked; NULL for datagrams.
    transport.connection = connection_find(transport, &command.remote)
    if transport.connection != NULL:
        transport.has_remote = 1
        return
    transport.remote_name_length = address_to_name(&command.remote, family, &transport.remote_name)
    transport.has_remote = transport.remote_name_length > 0
    transport.local_control_length = 0
    if transport.socket.wildcard:
        transport.local_control_length = address_to_control(&command.local, family, transport.local_control)


cdef void _send(PlaneState *plane, Transport *transport, Command *command) noexcept nogil:
    """Send control's own datagram (STUN answer, DTLS flight) to wherever it says."""
    cdef mmsghdr message
    cdef iovec vector
    cdef sockaddr_in6 name
    cdef uint8_t control[96]
    if command.remote.connection:
        connection_put(plane, transport, &command.remote, command.data, command.length)
        return
    memset(&message, 0, sizeof(message))
    message.msg_hdr.msg_namelen = address_to_name(&command.remote, transport.socket.family, &name)
    if message.msg_hdr.msg_namelen == 0:
        drop(plane, transport, DROP_SEND)
        return
    message.msg_hdr.msg_name = &name
    vector.iov_base = command.data
    vector.iov_len = command.length
    message.msg_hdr.msg_iov = &vector
    message.msg_hdr.msg_iovlen = 1
    if transport.socket.wildcard:
        message.msg_hdr.msg_controllen = address_to_control(&command.local, transport.socket.family, control)
        if message.msg_hdr.msg_controllen:
            message.msg_hdr.msg_control = control
    if sendmmsg(transport.socket.fd, &message, 1, MSG_DONTWAIT) != 1:
        drop(plane, transport, DROP_SEND)


cdef void _set_consent(Transport *transport, const Command *command) noexcept nogil:
    cdef int username = <int>command.numbers[0]
    transport.consent_username_length = 0
    if username > CONSENT_USERNAME_BYTES or command.length - username > CONSENT_KEY_BYTES:
        return                  # unusually long credentials are control's
    memcpy(transport.consent_username, command.data, username)
    memcpy(transport.consent_key, command.data + username, command.length - username)
    transport.consent_key_length = command.length - username
    transport.consent_username_length = username


cdef void _set_extensions(Transport *transport, const Command *command) noexcept nogil:
    memcpy(transport.extension_kinds, command.data, sizeof(transport.extension_kinds))
    memcpy(transport.extension_ids, command.data + sizeof(transport.extension_kinds), sizeof(transport.extension_ids))
    transport.arrivals = <TwccRecorder *>command.numbers[0]
    transport.sends = <TwccHistory *>command.numbers[1]
    transport.estimate = <Estimate *>command.numbers[2]
    transport.pacer = <Pacer *>command.numbers[3]


cdef bint _apply_transport(PlaneState *plane, Command *command) noexcept nogil:
    cdef Transport *transport = <Transport *>command.object
    if command.kind == COMMAND_ADD_TRANSPORT:
        link_transport(plane, transport)
        if transport.socket.owned:
            _watch(plane, transport.socket.fd, &transport.socket.watch)
    elif command.kind == COMMAND_REMOVE_TRANSPORT:
        if transport.linked and transport.socket.owned:
            _unwatch(plane, transport.socket.fd)
        unlink_transport(plane, transport)
        return event_freed(plane, transport)
    elif not transport.linked:
        return True
    elif command.kind == COMMAND_ADD_UFRAG:
        link_ufrag(plane, transport, command.data, command.length)
    elif command.kind == COMMAND_REMOVE_UFRAG:
        unlink_ufrag(plane, transport, command.data, command.length)
    elif command.kind == COMMAND_VALIDATE:
        link_address(plane, transport, &command.remote)
    elif command.kind == COMMAND_FORGET:
        unlink_address(plane, transport, &command.remote)
    elif command.kind == COMMAND_SELECT:
        if transport.socket.owned or link_address(plane, transport, &command.remote):
            _select(transport, command)
            link_ready(plane, transport)
    elif command.kind == COMMAND_SET_KEYS:
        transport.srtp_sender = <void *>command.numbers[0]
        transport.srtp_receiver = <void *>command.numbers[1]
        transport.same_ssrc_resend = <int>command.numbers[2]
        transport.retired_count = 0     # nothing captured before authenticates now
        link_ready(plane, transport)
    elif command.kind == COMMAND_SEND:
        _send(plane, transport, command)
    elif command.kind == COMMAND_SET_RTT:
        transport.rtt_ns = command.numbers[0]
        senderclock_rtt(
            &transport.sender_clock, &transport.round_trips, command.numbers[0], <int>command.numbers[1], plane.now_ns
        )
    elif command.kind == COMMAND_SET_CONSENT:
        _set_consent(transport, command)
    elif command.kind == COMMAND_SET_EXTENSIONS:
        _set_extensions(transport, command)
    elif command.kind == COMMAND_SET_PROBE:
        probe_set(plane, transport, command.numbers[0], <int>command.numbers[1])
    elif command.kind == COMMAND_SET_UPLINK:
        transport.uplink = <Uplink *>command.numbers[0]
    return True


cdef bint _apply_media(PlaneState *plane, Command *command) noexcept nogil:
    cdef Route *route = <Route *>command.object
    cdef Track *track = <Track *>command.object
    if command.kind == COMMAND_ADD_TRACK:
        track.linked = 1
    elif command.kind == COMMAND_REMOVE_TRACK:
        unlink_track(plane, track)
        return event_freed(plane, track)
    elif command.kind == COMMAND_ADD_PUBLICATION:
        link_publication(plane, <Publication *>command.object)
    elif command.kind == COMMAND_REMOVE_PUBLICATION:
        unlink_publication(plane, <Publication *>command.object)
        return event_freed(plane, command.object)
    elif command.kind == COMMAND_ADD_ROUTE:
        link_route(plane, route)
    elif command.kind == COMMAND_REMOVE_ROUTE:
        unlink_route(plane, route)
        return event_freed(plane, route)
    elif command.kind == COMMAND_SET_ROUTE:
        if route.paused and not command.numbers[0]:
            route.key = 0       # what went by meanwhile was never sent: start again at a keyframe
        route.paused = <int>command.numbers[0]
        if route.paused and route.linked:
            backlog_forget_route(plane, route)
        route.layer = <int>command.numbers[1]
        route.rewrite.temporal_wanted = <uint8_t>command.numbers[2]
        if route.linked and not route.paused and (route.input == NULL or route.key == 0
                                                  or route.input.layer != route.layer):
            keyframe_want(plane, route.track, route.layer)
    elif command.kind == COMMAND_SET_REPAIR:
        route.redundancy.depth = <uint8_t>command.numbers[0] if route.redundancy.payload_type else 0
        if route.fec != NULL:
            flexfec_set(route.fec, <int>command.numbers[1], command.numbers[2])
        # A viewer keeps to what it was told last.
        if command.numbers[3] or route.playout >= 0:
            route.playout = <int>command.numbers[3]
    elif command.kind == COMMAND_WANT_KEYFRAME:
        keyframe_want(plane, track, <int>command.numbers[0])
    return True


cdef void _await(Ring *ring) noexcept nogil:
    """Begin to sleep on a ring. Its other thread may have written before we watched: no further wake-up would come."""
    if not ring_prepare_wait(ring):
        ring_put_off(ring)


cdef void _forget_mirror(PlaneState *plane, Mirror *mirror) noexcept nogil:
    """Take a mirror out of its far thread: no route may point to its streams afterwards."""
    cdef int layer
    for layer in range(mirror.far_publication.layer_count):
        burst_forget(plane, mirror.far_publication.streams[layer])
    if mirror.far.upstream == mirror:
        mirror.far.upstream = NULL
    if mirror.far.publication == &mirror.far_publication:
        mirror.far.publication = NULL


cdef bint _apply_copies(PlaneState *plane, Command *command) noexcept nogil:
    """Taps to workers and mirrors to other threads."""
    cdef Mirror *mirror = <Mirror *>command.object
    if command.kind == COMMAND_ADD_TAP:
        link_tap(<Tap *>command.object)
        tap_begin(plane, <Tap *>command.object)
    elif command.kind == COMMAND_REMOVE_TAP:
        unlink_tap(<Tap *>command.object)
        return event_freed(plane, command.object)
    elif command.kind == COMMAND_ADD_MIRROR_NEAR:
        link_mirror_near(mirror)
        _watch(plane, ring_fd(&mirror.up), &mirror.up_watch)
        _await(&mirror.up)
    elif command.kind == COMMAND_REMOVE_MIRROR_NEAR:
        if mirror.near_linked:
            _unwatch(plane, ring_fd(&mirror.up))
        unlink_mirror_near(mirror)
        return event_freed(plane, mirror)
    elif command.kind == COMMAND_ADD_MIRROR_FAR:
        mirror.far.upstream = mirror
        mirror.far.publication = &mirror.far_publication
        mirror.linked = 1
        _watch(plane, ring_fd(&mirror.down), &mirror.down_watch)
        _await(&mirror.down)
    elif command.kind == COMMAND_REMOVE_MIRROR_FAR:
        if mirror.linked:
            mirror.linked = 0
            _unwatch(plane, ring_fd(&mirror.down))
            _forget_mirror(plane, mirror)
        return event_freed(plane, mirror)
    return True


cdef void command_drain(PlaneState *plane) noexcept nogil:
    """Apply waiting commands, `DRAIN_LIMIT` at most. The outgoing batch must be empty: it points to transports."""
    cdef Command *command = <Command *>ring_peek(&plane.commands)
    cdef int taken = 0
    cdef bint done
    while command != NULL and taken < DRAIN_LIMIT:
        if command.kind == COMMAND_STOP:
            plane.stop = 1
            done = True
        elif command.kind == COMMAND_TAKE_CONNECTION:
            listener_take(plane, <int>command.numbers[0], <int>command.numbers[1])
            done = True
        elif command.kind == COMMAND_SET_REPAIR or COMMAND_ADD_TRACK <= command.kind <= COMMAND_WANT_KEYFRAME:
            done = _apply_media(plane, command)
        elif command.kind <= COMMAND_SEND or command.kind >= COMMAND_SET_RTT:
            done = _apply_transport(plane, command)
        else:
            done = _apply_copies(plane, command)
        if not done:
            return
        ring_pop(&plane.commands)
        taken += 1
        command = <Command *>ring_peek(&plane.commands)
