"""Picture sizes from the headers of elementary video streams. See bitstream.pyx."""

from libc.stdint cimport uint8_t

# Each returns 1 and sets width and height (pixels, cropped), or returns 0 and sets nothing.
cdef int bitstream_h264_sps(const uint8_t *body, int length, int *width, int *height) noexcept nogil
cdef int bitstream_h265_sps(const uint8_t *body, int length, int *width, int *height) noexcept nogil
cdef int bitstream_vp8_frame(const uint8_t *frame, int length, int *width, int *height) noexcept nogil
cdef int bitstream_vp9_frame(const uint8_t *frame, int length, int *width, int *height) noexcept nogil
cdef int bitstream_av1_sequence_header(const uint8_t *body, int length, int *width, int *height) noexcept nogil
