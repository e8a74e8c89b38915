"""A peer's address as the plane keeps, compares and looks it up."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

cdef struct Address:
    uint8_t ip[16]                  # IPv4 as v4-mapped IPv6; link-local ones with their scope, see scope_in
    uint16_t port
    uint16_t connection             # a TCP connection's number; 0: datagrams

cdef inline bint address_is(const Address *left, const Address *right) noexcept nogil:
    return left.port == right.port and left.connection == right.connection and memcmp(left.ip, right.ip, 16) == 0


cdef inline bint _is_link_local(const uint8_t *ip) noexcept nogil:
    return ip[0] == 0xFE and ip[1] & 0xC0 == 0x80


cdef inline void scope_in(uint8_t *ip, uint32_t interface) noexcept nogil:
    """Keep the interface of a link-local address in bytes that are zero on the wire (RFC 4291 section 2.5.6).

    So two peers with one address on two links are told apart wherever addresses are compared or looked up.
    """
    if _is_link_local(ip):
        memcpy(ip + 4, &interface, sizeof(interface))


cdef inline uint32_t scope_out(uint8_t *ip) noexcept nogil:
    """Make the address that of the wire again; return its interface, 0 for none."""
    cdef uint32_t interface = 0
    if _is_link_local(ip):
        memcpy(&interface, ip + 4, sizeof(interface))
        memset(ip + 4, 0, sizeof(interface))
    return interface
