"""Keyframe requests, collected and throttled; see keyframe.pyx."""

from media.plane.model cimport PlaneState, Stream, Track

cdef void keyframe_want(PlaneState *plane, Track *track, int layer) noexcept nogil
cdef bint keyframe_due(PlaneState *plane, Stream *stream) noexcept nogil
cdef void keyframe_seen(Stream *stream) noexcept nogil
