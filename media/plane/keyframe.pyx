# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Collect keyframe requests of all viewers into few requests to the publisher.

A hundred viewers that lose the same packet ask a hundred times; the publisher hears it once in
`keyframe_interval_ns`, because each keyframe costs its uplink several pictures' worth of bits. A wish stays until a
keyframe comes, and is repeated at that interval.

Touches streams of the plane thread; the sending itself is report.pyx's.
"""

from media.plane.bridge cimport bridge_want_keyframe
from media.plane.model cimport MAX_LAYERS, tick_by


cdef void keyframe_want(PlaneState *plane, Track *track, int layer) noexcept nogil:
    """Note that somebody cannot go on without a keyframe of this layer."""
    cdef Stream *stream
    if not track.is_video or layer < 0 or layer >= MAX_LAYERS:
        return
    if track.upstream != NULL:
        bridge_want_keyframe(plane, track.upstream, layer)
        return
    if track.publication == NULL:
        return
    stream = track.publication.streams[layer]
    if stream != NULL and stream.bound and stream.keyframe_wanted_ns == 0:
        stream.keyframe_wanted_ns = plane.now_ns
        tick_by(plane, plane.now_ns)


cdef bint keyframe_due(PlaneState *plane, Stream *stream) noexcept nogil:
    """Whether to ask the publisher now; answering True counts as asked."""
    if stream.keyframe_wanted_ns == 0:
        return False
    if stream.keyframe_asked_ns and plane.now_ns - stream.keyframe_asked_ns < plane.keyframe_interval_ns:
        return False
    stream.keyframe_asked_ns = plane.now_ns
    stream.keyframe_requests += 1
    return True


cdef void keyframe_seen(Stream *stream) noexcept nogil:
    stream.keyframe_wanted_ns = 0
    stream.keyframes += 1
