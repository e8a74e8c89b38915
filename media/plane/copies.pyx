# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Handles of a track's copies: taps to worker processes and mirrors on other plane threads.

A mirror's memory belongs to both threads until each has answered `close()`.
"""

from libc.stdlib cimport calloc

from media.plane.bridge cimport BRIDGE_REQUEST_SLOTS, BRIDGE_SLOTS, BridgeRecord
from media.plane.command cimport (
    COMMAND_ADD_MIRROR_FAR, COMMAND_ADD_MIRROR_NEAR, COMMAND_ADD_TAP, COMMAND_REMOVE_MIRROR_FAR,
    COMMAND_REMOVE_MIRROR_NEAR, COMMAND_REMOVE_TAP,
)
from media.plane.model cimport MAX_LAYERS, WATCH_MIRROR_DOWN, WATCH_MIRROR_UP
from media.plane.names import PlaneError
from media.plane.memory cimport count_live, free_stream, new_stream
from media.plane.ring cimport ring_free, ring_init
from media.plane.senderclock cimport senderclock_init


cdef class PlaneTap(PlaneHandle):
    """A track's packets written to a worker's ring, of whoever publishes it: one after the other, without a mark.

    `layer` takes one simulcast layer, -1 every layer that its sender sends, each with its RID: the picture comes as
    often as there are layers. To change layers without a hole, begin the other tap before this one ends.

    The record's route is this tap's `id`; its packet is RTP in the clear with the publisher's numbers, and the CodecId
    (media/plane/names.py) in place of the payload type; without header extensions, padding and contributors. Packets
    come in the order in which the plane got them, each number once: also those that came late, as RTX (at the time of
    the repair, under the medium's SSRC), or inside a later sound (RED, which is never seen itself). Parities (FlexFEC)
    are agreed with no publisher. A tap asks for no keyframe; `PlaneTrack.want_keyframe` does. What the plane asks a
    publisher to send again does not hang on it.

    Clock records (`media/tap/clock.py`) tell when the packets were captured: at once when the tap begins and something
    is known, with each sender report of a stream that it takes, and before a packet from which on it is known better;
    of a track's copy on another thread with the packet after the report.

    Any number of taps share a ring, also of one track; each record says whose it is, and nothing is lost while the ring
    has room for all. They must be on one thread: raises PlaneError for another. Close them before the ring.
    """

    def __cinit__(self):
        self.state = <Tap *>self.own(calloc(1, sizeof(Tap)))

    def __init__(self, PlaneTrack track, TapRingView ring, int layer=-1):
        if ring.taps and ring.writer is not track.thread:
            raise PlaneError("the ring has taps on another plane thread; make a ring for each thread")
        self.track = track
        self.ring = ring
        self.state.id = self.id
        self.state.ring = ring.ring
        self.state.track = track.state
        self.state.layer = layer
        self.hand_over(track.thread, "tap", COMMAND_ADD_TAP, COMMAND_REMOVE_TAP)
        ring.writer = track.thread
        ring.taps += 1

    def _freed(self):
        self.ring.taps -= 1
        PlaneHandle._freed(self)


cdef class PlaneMirror(PlaneHandle):
    """A track of one thread carried to a track of another, which must have no publication of its own."""

    def __cinit__(self):
        self.state = <Mirror *>self.own(calloc(1, sizeof(Mirror)))

    def __init__(self, PlaneTrack near, PlaneTrack far):
        cdef Mirror *state = self.state
        cdef int layer
        if near.thread is far.thread:
            raise PlaneError("a mirror joins tracks of two plane threads")
        if near.thread.worker is None or far.thread.worker is None:
            raise PlaneError("the plane thread has been closed")
        self.near = near
        self.far = far
        self.thread = near.thread
        state.id = self.id
        state.near = near.state
        state.far = far.state
        if ring_init(&state.down, sizeof(BridgeRecord), BRIDGE_SLOTS):
            raise MemoryError
        if ring_init(&state.up, sizeof(int), BRIDGE_REQUEST_SLOTS):
            raise MemoryError
        state.down_watch.kind = WATCH_MIRROR_DOWN
        state.down_watch.object = state
        state.up_watch.kind = WATCH_MIRROR_UP
        state.up_watch.object = state
        senderclock_init(&state.sender_clock)
        state.far_publication.track = far.state
        state.far_publication.layer_count = MAX_LAYERS
        for layer in range(MAX_LAYERS):
            state.far_publication.streams[layer] = new_stream(far.is_video)
            state.far_publication.streams[layer].publication = &state.far_publication
            state.far_publication.streams[layer].track = far.state
            state.far_publication.streams[layer].layer = layer
            state.far_publication.streams[layer].sender_clock = &state.sender_clock
        count_live("mirror", 1)
        self.held = 2
        far.thread.adopt(self, state)
        near.thread.adopt(self, state)
        far.thread.order(COMMAND_ADD_MIRROR_FAR, state)
        near.thread.order(COMMAND_ADD_MIRROR_NEAR, state)

    def close(self):
        if self.closing:
            return
        self.closing = 1
        if self.near.thread.worker is not None:
            self.near.thread.order(COMMAND_REMOVE_MIRROR_NEAR, self.state)
        if self.far.thread.worker is not None:
            self.far.thread.order(COMMAND_REMOVE_MIRROR_FAR, self.state)

    def _freed(self):
        self.held -= 1
        if self.held == 0:
            count_live("mirror", -1)

    def __dealloc__(self):
        cdef int layer
        if self.state != NULL:
            for layer in range(MAX_LAYERS):
                free_stream(self.state.far_publication.streams[layer])
            ring_free(&self.state.down)
            ring_free(&self.state.up)
