"""What came of one inbound stream by temporal id (TID, RFC 7741 section 4.2): what it costs to have fewer frames.

Other codecs, and senders that tell no id, have all of it in the lowest.
"""

from libc.stdint cimport uint64_t

cdef enum:
    RUNGS = 4                   # an id has two bits

ctypedef struct Rung:
    uint64_t packets
    uint64_t octets             # of payload
    uint64_t frames             # changes of timestamp
