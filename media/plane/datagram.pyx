# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A datagram's first steps: read in batches, tell apart (RFC 7983), find its transport, or count it as dropped.

Nothing a stranger sends changes anything here. STUN requests reach control only when they name a ufrag we gave out,
and no faster than control can afford; DTLS and media only from addresses that a STUN check has validated before
(plain RTP: from the latched sender on a port of its own).
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from media.plane.address cimport scope_in, scope_out
from media.plane.batch cimport batch_commit, batch_room
from media.plane.consent cimport consent_answer
from media.plane.event cimport EVENT_DTLS, EVENT_STUN, event_datagram
from media.plane.feedback cimport feedback_packet
from media.plane.model cimport (
    DATAGRAM_CAPACITY, DROP_ADDRESS_HELD, DROP_DTLS_RATE, DROP_STRANGER, DROP_STUN_MALFORMED, DROP_STUN_RATE,
    DROP_STUN_UNKNOWN_UFRAG, DROP_UNKNOWN_DATAGRAM, RECEIVE_MESSAGES, Receiver, drop,
)
from media.plane.net cimport (
    AF_INET, AF_INET6, CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_NXTHDR, CMSG_SPACE, IP_PKTINFO, IPPROTO_IP,
    IPPROTO_IPV6, IPV6_PKTINFO, MSG_DONTWAIT, MSG_TRUNC, cmsghdr, in6_pktinfo, in_pktinfo, monotonic_ns, msghdr,
    recvmmsg, sockaddr_in, sockaddr_in6,
)
from media.plane.link cimport link_heard, link_holds, link_ready
from media.plane.publish cimport publish_packet
from media.plane.ratelimit cimport bucket_take
from media.plane.rtcp cimport RTCP_OK, rtcp_check
from media.plane.rtp cimport RTP_OK, RtpHeader, rtp_parse
from media.plane.stunfilter cimport (
    DATAGRAM_DTLS, DATAGRAM_RTCP, DATAGRAM_RTP, DATAGRAM_STUN, STUN_BINDING_REQUEST, datagram_kind, stun_filter,
)
from media.plane.table cimport address_table_get, ufrag_table_get

cdef enum:
    CONSENT_ROOM = 96

cdef uint8_t V4_MAPPED[12]
memset(V4_MAPPED, 0, 10)
V4_MAPPED[10] = 0xFF
V4_MAPPED[11] = 0xFF


cdef inline uint16_t _swap(uint16_t value) noexcept nogil:
    return (value >> 8) | ((value & 0xFF) << 8)


cdef void address_from_name(const void *name, int family, Address *address) noexcept nogil:
    """Read the kernel's form of an address."""
    address.connection = 0
    if family == AF_INET:
        memcpy(address.ip, V4_MAPPED, 12)
        memcpy(address.ip + 12, &(<sockaddr_in *>name).sin_addr, 4)
        address.port = _swap((<sockaddr_in *>name).sin_port)
    else:
        memcpy(address.ip, &(<sockaddr_in6 *>name).sin6_addr, 16)
        scope_in(address.ip, (<sockaddr_in6 *>name).sin6_scope_id)
        address.port = _swap((<sockaddr_in6 *>name).sin6_port)


cdef void _read_local(msghdr *header, Address *local) noexcept nogil:
    """The address the datagram was sent to, so that the answer can come from there."""
    cdef cmsghdr *control = CMSG_FIRSTHDR(header) if header != NULL else NULL
    memset(local, 0, sizeof(Address))
    while control != NULL:
        if control.cmsg_level == IPPROTO_IPV6 and control.cmsg_type == IPV6_PKTINFO:
            memcpy(local.ip, &(<in6_pktinfo *>CMSG_DATA(control)).ipi6_addr, 16)
            scope_in(local.ip, (<in6_pktinfo *>CMSG_DATA(control)).ipi6_ifindex)
        elif control.cmsg_level == IPPROTO_IP and control.cmsg_type == IP_PKTINFO:
            memcpy(local.ip, V4_MAPPED, 12)
            memcpy(local.ip + 12, &(<in_pktinfo *>CMSG_DATA(control)).ipi_spec_dst, 4)  # ours, even of a broadcast
        control = CMSG_NXTHDR(header, control)


cdef int address_to_name(const Address *address, int family, void *name) noexcept nogil:
    """Write the kernel's form of an address; return its length, 0 when the socket's family cannot reach it."""
    cdef sockaddr_in *four = <sockaddr_in *>name
    cdef sockaddr_in6 *six = <sockaddr_in6 *>name
    if family == AF_INET:
        if memcmp(address.ip, V4_MAPPED, 12) != 0:
            return 0
        memset(four, 0, sizeof(sockaddr_in))
        four.sin_family = AF_INET
        four.sin_port = _swap(address.port)
        memcpy(&four.sin_addr, address.ip + 12, 4)
        return sizeof(sockaddr_in)
    memset(six, 0, sizeof(sockaddr_in6))
    six.sin6_family = AF_INET6
    six.sin6_port = _swap(address.port)
    memcpy(&six.sin6_addr, address.ip, 16)
    six.sin6_scope_id = scope_out(<uint8_t *>&six.sin6_addr)
    return sizeof(sockaddr_in6)


cdef int address_to_control(const Address *local, int family, uint8_t *control) noexcept nogil:
    """Write the control message that makes a datagram leave from `local`; return its length, 0 for no wish."""
    cdef uint8_t none[16]
    cdef cmsghdr *header = <cmsghdr *>control
    cdef in6_pktinfo *six = <in6_pktinfo *>(control + CMSG_LEN(0))
    cdef in_pktinfo *four = <in_pktinfo *>(control + CMSG_LEN(0))
    memset(none, 0, 16)
    if memcmp(local.ip, none, 16) == 0:
        return 0
    if family == AF_INET:
        memset(control, 0, CMSG_SPACE(sizeof(in_pktinfo)))
        header.cmsg_level = IPPROTO_IP
        header.cmsg_type = IP_PKTINFO
        header.cmsg_len = CMSG_LEN(sizeof(in_pktinfo))
        memcpy(&four.ipi_spec_dst, local.ip + 12, 4)
        return CMSG_SPACE(sizeof(in_pktinfo))
    memset(control, 0, CMSG_SPACE(sizeof(in6_pktinfo)))
    header.cmsg_level = IPPROTO_IPV6
    header.cmsg_type = IPV6_PKTINFO
    header.cmsg_len = CMSG_LEN(sizeof(in6_pktinfo))
    memcpy(&six.ipi6_addr, local.ip, 16)
    six.ipi6_ifindex = scope_out(<uint8_t *>&six.ipi6_addr)
    return CMSG_SPACE(sizeof(in6_pktinfo))


cdef bint _consent(PlaneState *plane, Transport *transport, const Address *remote, const uint8_t *packet,
                   int length) noexcept nogil:
    cdef uint8_t *answer = batch_room(plane, transport, CONSENT_ROOM)
    cdef int answer_length
    if not consent_answer(plane, transport, remote, packet, length, answer, &answer_length):
        return False
    batch_commit(plane, transport, answer, answer_length)
    return True


cdef void _stun(PlaneState *plane, Transport *known, const Address *remote, const Address *local,
                const uint8_t *packet, int length) noexcept nogil:
    cdef const uint8_t *ufrag
    cdef int ufrag_length
    cdef Transport *transport
    if stun_filter(packet, length, &ufrag, &ufrag_length) != STUN_BINDING_REQUEST:
        drop(plane, known, DROP_STUN_MALFORMED)
        return
    transport = <Transport *>ufrag_table_get(&plane.ufrags, ufrag, ufrag_length)
    if transport == NULL:
        drop(plane, known, DROP_STUN_UNKNOWN_UFRAG)
        return
    # Not answered: if it is no forgery it comes again, until the one before is silent.
    if link_holds(plane, known, transport, remote):
        drop(plane, transport, DROP_ADDRESS_HELD)
        return
    # A validated address has an allowance of its own: strangers who know the ufrag cannot use up its checks.
    if transport == known:
        if not bucket_take(&transport.stun_bucket, plane.now_ns):
            drop(plane, transport, DROP_STUN_RATE)
            return
        if transport.ready and _consent(plane, transport, remote, packet, length):
            return
    elif not bucket_take(&transport.stranger_stun_bucket, plane.now_ns) or not bucket_take(
        &plane.stranger_stun_bucket, plane.now_ns
    ):
        drop(plane, transport, DROP_STUN_RATE)
        return
    event_datagram(plane, EVENT_STUN, transport, remote, local, packet, length)


cdef void _latch(PlaneState *plane, Transport *transport, const Address *remote, msghdr *header) noexcept nogil:
    """Plain RTP: send where packets come from, because a peer behind NAT does not know its own address."""
    cdef int family = transport.socket.family
    cdef Address local
    transport.remote = remote[0]
    transport.remote_name_length = address_to_name(remote, family, &transport.remote_name)
    transport.has_remote = transport.remote_name_length > 0
    if transport.socket.wildcard:
        _read_local(header, &local)
        transport.local_control_length = address_to_control(&local, family, transport.local_control)
    transport.latched = 1
    link_ready(plane, transport)


cdef bint _is_valid(int kind, const uint8_t *packet, int length) noexcept nogil:
    cdef RtpHeader header
    if kind == DATAGRAM_RTP:
        return rtp_parse(packet, length, False, &header) == RTP_OK
    return rtcp_check(packet, length) == RTCP_OK


cdef bint _from_latched(PlaneState *plane, Transport *transport, const Address *remote, msghdr *header, int kind,
                        const uint8_t *packet, int length) noexcept nogil:
    """Without keys: whether this sender has the port. A valid one takes it when nobody has, or only somebody silent."""
    cdef int64_t silent_ns = plane.now_ns - transport.latched_heard_ns
    if transport.latch and (not transport.latched or silent_ns > plane.latch_silence_ns) and _is_valid(
        kind, packet, length
    ):
        _latch(plane, transport, remote, header)
    elif memcmp(transport.remote.ip, remote.ip, 16) != 0 or transport.remote.port != remote.port:
        return False
    transport.latched_heard_ns = plane.now_ns
    return True


cdef void _media(PlaneState *plane, Transport *transport, int kind, uint8_t *packet, int length) noexcept nogil:
    transport.received_packets += 1
    transport.received_octets += length
    if kind == DATAGRAM_RTP:
        publish_packet(plane, transport, packet, length)
    else:
        feedback_packet(plane, transport, packet, length)


cdef void _plain(PlaneState *plane, Transport *transport, const Address *remote, msghdr *header, uint8_t *packet,
                 int length) noexcept nogil:
    """A datagram on a plain transport's own port.

    With keys any sender that authenticates may take the place of the latched one; without, only of one that is silent.
    """
    cdef int kind = datagram_kind(packet, length)
    cdef uint64_t authentic = transport.authentic
    if kind != DATAGRAM_RTP and kind != DATAGRAM_RTCP:
        drop(plane, transport, DROP_UNKNOWN_DATAGRAM)
        return
    if transport.srtp_receiver == NULL:
        if not _from_latched(plane, transport, remote, header, kind, packet, length):
            drop(plane, transport, DROP_STRANGER)
            return
        _media(plane, transport, kind, packet, length)
        return
    _media(plane, transport, kind, packet, length)
    if transport.latch and transport.authentic != authentic:
        _latch(plane, transport, remote, header)


cdef void datagram_take(PlaneState *plane, const Address *remote, msghdr *header, uint8_t *packet,
                        int length) noexcept nogil:
    """A WebRTC peer's packet; `header` tells where a datagram was sent to, NULL for a connection's frame."""
    cdef int kind = datagram_kind(packet, length)
    cdef Transport *transport = <Transport *>address_table_get(
        &plane.addresses, remote.ip, remote.port, remote.connection
    )
    cdef Address local
    cdef uint64_t authentic
    if kind == DATAGRAM_STUN:
        _read_local(header, &local)
        _stun(plane, transport, remote, &local, packet, length)
    elif transport == NULL:
        drop(plane, NULL, DROP_STRANGER)
    elif kind == DATAGRAM_DTLS:
        if not bucket_take(&transport.dtls_bucket, plane.now_ns):
            drop(plane, transport, DROP_DTLS_RATE)
            return
        _read_local(header, &local)
        event_datagram(plane, EVENT_DTLS, transport, remote, &local, packet, length)
    elif kind == DATAGRAM_RTP or kind == DATAGRAM_RTCP:
        authentic = transport.authentic
        _media(plane, transport, kind, packet, length)
        if transport.authentic != authentic and plane.now_ns >= transport.next_heard_ns:
            link_heard(plane, transport, remote)
    else:
        drop(plane, transport, DROP_UNKNOWN_DATAGRAM)


cdef void _one(PlaneState *plane, Socket *socket, Receiver *receiver, int index) noexcept nogil:
    cdef msghdr *header = &receiver.messages[index].msg_hdr
    cdef uint8_t *packet = receiver.buffers[index]
    cdef int length = <int>receiver.messages[index].msg_len
    cdef Address remote
    if header.msg_flags & MSG_TRUNC:
        drop(plane, NULL, DROP_UNKNOWN_DATAGRAM)
        return
    address_from_name(receiver.names[index], socket.family, &remote)
    if socket.owned:
        _plain(plane, socket.transport, &remote, header, packet, length)
    else:
        datagram_take(plane, &remote, header, packet, length)


cdef int receiver_init(PlaneState *plane) noexcept nogil:
    """Point the message headers at their buffers, once."""
    cdef Receiver *receiver = &plane.receiver
    cdef int index
    for index in range(RECEIVE_MESSAGES):
        receiver.vectors[index].iov_base = receiver.buffers[index]
        receiver.vectors[index].iov_len = DATAGRAM_CAPACITY
        receiver.messages[index].msg_hdr.msg_iov = &receiver.vectors[index]
        receiver.messages[index].msg_hdr.msg_iovlen = 1
        receiver.messages[index].msg_hdr.msg_name = receiver.names[index]
        receiver.messages[index].msg_hdr.msg_control = receiver.control[index]
    return 0


cdef bint datagram_receive(PlaneState *plane, Socket *socket, int most) noexcept nogil:
    """Read what waits on a socket, `most` datagrams; return whether more may wait."""
    cdef Receiver *receiver = &plane.receiver
    cdef int wanted, count, index
    while most > 0:
        wanted = most if most < RECEIVE_MESSAGES else RECEIVE_MESSAGES
        for index in range(wanted):
            receiver.messages[index].msg_hdr.msg_namelen = sizeof(receiver.names[0])
            receiver.messages[index].msg_hdr.msg_controllen = sizeof(receiver.control[0])
        count = recvmmsg(socket.fd, receiver.messages, wanted, MSG_DONTWAIT, NULL)
        if count <= 0:
            return False
        # Not earlier: a packet that came since the wake-up would seem to arrive before it was sent.
        plane.now_ns = monotonic_ns()
        plane.received_packets += count
        for index in range(count):
            _one(plane, socket, receiver, index)
        if count < wanted:
            return False
        most -= count
    return True
