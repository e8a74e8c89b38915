"""Declarations of the plane's lookup tables; see table.pyx for what they promise."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    UFRAG_KEY_MAX_BYTES = 32

# One open-addressing table over short byte keys; the three typed tables below are wrappers, so that a plane cannot
# look an address up in a table of ufrags.
ctypedef struct KeyTable:
    uint8_t *slots          # (mask + 1) slots of stride_bytes: value pointer (NULL = free), hash, key
    uint32_t mask
    uint32_t stride_bytes
    uint32_t capacity       # entries, at most half of the slots
    uint32_t count
    uint64_t hash_key[2]

ctypedef struct AddressTable:
    KeyTable keys

ctypedef struct UfragTable:
    KeyTable keys

ctypedef struct SsrcTable:
    KeyTable keys

cdef int address_table_init(AddressTable *t, uint32_t capacity, uint64_t seed) noexcept nogil
cdef void address_table_free(AddressTable *t) noexcept nogil
cdef void *address_table_get(const AddressTable *t, const uint8_t *ip16, uint16_t port,
                             uint16_t connection) noexcept nogil
cdef int address_table_put(AddressTable *t, const uint8_t *ip16, uint16_t port, uint16_t connection,
                           void *value) noexcept nogil
cdef int address_table_remove(AddressTable *t, const uint8_t *ip16, uint16_t port,
                              uint16_t connection) noexcept nogil
cdef uint32_t address_table_remove_value(AddressTable *t, const void *value) noexcept nogil
cdef uint32_t address_table_count(const AddressTable *t) noexcept nogil

cdef int ufrag_table_init(UfragTable *t, uint32_t capacity, uint64_t seed) noexcept nogil
cdef void ufrag_table_free(UfragTable *t) noexcept nogil
cdef void *ufrag_table_get(const UfragTable *t, const uint8_t *ufrag, int length) noexcept nogil
cdef int ufrag_table_put(UfragTable *t, const uint8_t *ufrag, int length, void *value) noexcept nogil
cdef int ufrag_table_remove(UfragTable *t, const uint8_t *ufrag, int length) noexcept nogil
cdef uint32_t ufrag_table_remove_value(UfragTable *t, const void *value) noexcept nogil
cdef uint32_t ufrag_table_count(const UfragTable *t) noexcept nogil

cdef int ssrc_table_init(SsrcTable *t, uint32_t capacity, uint64_t seed) noexcept nogil
cdef void ssrc_table_free(SsrcTable *t) noexcept nogil
cdef void *ssrc_table_get(const SsrcTable *t, uint32_t ssrc) noexcept nogil
cdef int ssrc_table_put(SsrcTable *t, uint32_t ssrc, void *value) noexcept nogil
cdef int ssrc_table_remove(SsrcTable *t, uint32_t ssrc) noexcept nogil
cdef uint32_t ssrc_table_remove_value(SsrcTable *t, const void *value) noexcept nogil
cdef bint ssrc_table_next(const SsrcTable *t, uint32_t *index, uint32_t *ssrc, void **value) noexcept nogil
cdef uint32_t ssrc_table_count(const SsrcTable *t) noexcept nogil
