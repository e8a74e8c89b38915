"""What control tells a plane thread; see command.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from media.plane.address cimport Address
from media.plane.model cimport DATAGRAM_CAPACITY, PlaneState

cdef enum CommandKind:
    COMMAND_STOP = 1
    COMMAND_ADD_TRANSPORT = 2       # object: Transport
    COMMAND_REMOVE_TRANSPORT = 3    # object: Transport -> EVENT_FREED
    COMMAND_ADD_UFRAG = 4           # object: Transport, data: ufrag
    COMMAND_REMOVE_UFRAG = 5        # data: ufrag
    COMMAND_VALIDATE = 6            # object: Transport, remote: media may come from there
    COMMAND_SELECT = 7              # object: Transport, remote, local: send there, from here
    COMMAND_SET_KEYS = 8            # object: Transport, numbers: sender, receiver context, resend allowed
    COMMAND_SEND = 9                # object: Transport, remote, local, data: one datagram as it is
    COMMAND_SET_RTT = 24            # object: Transport, numbers: ns, RttSource
    COMMAND_SET_CONSENT = 25        # object: Transport, numbers: length of the username; data: username, key
    COMMAND_FORGET = 26             # object: Transport, remote: no longer its address
    COMMAND_SET_EXTENSIONS = 27     # object: Transport, data: kinds by id, ids by kind; numbers: what they need
    COMMAND_SET_PROBE = 28          # object: Transport, numbers: bits a second, packets together
    COMMAND_SET_UPLINK = 29         # object: Transport, numbers: its memory
    COMMAND_TAKE_CONNECTION = 32    # numbers: descriptor, family
    COMMAND_ADD_TRACK = 10          # object: Track
    COMMAND_REMOVE_TRACK = 11       # object: Track -> EVENT_FREED
    COMMAND_ADD_PUBLICATION = 12    # object: Publication
    COMMAND_REMOVE_PUBLICATION = 13     # object: Publication -> EVENT_FREED
    COMMAND_ADD_ROUTE = 14          # object: Route
    COMMAND_REMOVE_ROUTE = 15       # object: Route -> EVENT_FREED
    COMMAND_SET_ROUTE = 16          # object: Route, numbers: paused, layer, highest temporal id
    COMMAND_SET_REPAIR = 33         # object: Route, numbers: former sounds a packet, parities a hundred, ns, playout
    COMMAND_WANT_KEYFRAME = 17      # object: Track, numbers: layer
    COMMAND_ADD_TAP = 18            # object: Tap
    COMMAND_REMOVE_TAP = 19         # object: Tap -> EVENT_FREED
    COMMAND_ADD_MIRROR_NEAR = 20    # object: Mirror
    COMMAND_REMOVE_MIRROR_NEAR = 21     # object: Mirror -> EVENT_FREED
    COMMAND_ADD_MIRROR_FAR = 22     # object: Mirror
    COMMAND_REMOVE_MIRROR_FAR = 23  # object: Mirror -> EVENT_FREED

cdef struct Command:
    int kind
    int length
    void *object
    int64_t numbers[4]
    Address remote
    Address local
    uint8_t data[DATAGRAM_CAPACITY]

cdef void command_drain(PlaneState *plane) noexcept nogil
