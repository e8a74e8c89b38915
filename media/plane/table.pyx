# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, freethreading_compatible=False
"""Lookup tables of one plane thread: peer address, ICE ufrag and SSRC to whatever the plane keeps there.

Fixed capacity: memory is taken by `*_init` and given back by `*_free`, never in between. Open addressing with linear
probing, at most half of the slots in use, backward-shift deletion (no tombstones, so a table that lives for months
stays as fast as a new one). The hash is SipHash-1-3 under a seed the peer cannot know: addresses, ufrags and SSRCs
are chosen by strangers, and an unkeyed hash would let them chain all their keys into one run.

Verbs, the same for all three:
  `*_init(t, capacity, seed)`   0, or -1 when the capacity is 0 or over 2**24 or memory is short
  `*_get(t, key)`               the value or NULL
  `*_put(t, key, value)`        0 added, 1 replaced the value of a known key, -1 refused: table full, value NULL or a
                                key of impossible length
  `*_remove(t, key)`            1 removed, 0 not there
  `*_remove_value(t, value)`    removes every key that leads to value, returns how many; looks at every slot, so it
                                is for the end of a transport, not for a packet
  `*_count(t)`                  keys held

Not thread-safe; the caller owns the struct. May touch nothing else.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    HASH_OFFSET_BYTES = 8           # after the value pointer
    KEY_OFFSET_BYTES = 12           # after the 32-bit hash
    ADDRESS_KEY_BYTES = 20
    ADDRESS_STRIDE_BYTES = 32       # two slots per cache line
    UFRAG_STRIDE_BYTES = 48         # length byte + 32 bytes of ufrag
    SSRC_KEY_BYTES = 4
    SSRC_STRIDE_BYTES = 16
    CAPACITY_MAX = 1 << 24          # keeps slots * stride well inside size_t and the index inside 32 bits


# --- keyed hash -----------------------------------------------------------------------------------------------------

cdef inline uint64_t _rotate_left(uint64_t x, int bits) noexcept nogil:
    return (x << bits) | (x >> (64 - bits))


cdef inline void _sip_round(uint64_t *v) noexcept nogil:
    v[0] += v[1]
    v[1] = _rotate_left(v[1], 13) ^ v[0]
    v[0] = _rotate_left(v[0], 32)
    v[2] += v[3]
    v[3] = _rotate_left(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = _rotate_left(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = _rotate_left(v[1], 17) ^ v[2]
    v[2] = _rotate_left(v[2], 32)


cdef uint64_t _siphash13(const uint64_t *hash_key, const uint8_t *data, int length) noexcept nogil:
    """SipHash-1-3 (Aumasson and Bernstein); one compression round per 8 bytes, three to finish."""
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef int i, at = 0
    v[0] = hash_key[0] ^ <uint64_t>0x736F6D6570736575
    v[1] = hash_key[1] ^ <uint64_t>0x646F72616E646F6D
    v[2] = hash_key[0] ^ <uint64_t>0x6C7967656E657261
    v[3] = hash_key[1] ^ <uint64_t>0x7465646279746573
    while length - at >= 8:
        word = 0
        for i in range(8):
            word |= <uint64_t>data[at + i] << (8 * i)
        v[3] ^= word
        _sip_round(v)
        v[0] ^= word
        at += 8
    word = <uint64_t>(length & 0xFF) << 56
    for i in range(length - at):
        word |= <uint64_t>data[at + i] << (8 * i)
    v[3] ^= word
    _sip_round(v)
    v[0] ^= word
    v[2] ^= 0xFF
    for i in range(3):
        _sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef inline uint64_t _split_mix(uint64_t x) noexcept nogil:
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    return x ^ (x >> 31)


# --- the common table -----------------------------------------------------------------------------------------------

cdef inline uint8_t *_slot(const KeyTable *t, uint32_t index) noexcept nogil:
    return t.slots + <size_t>index * t.stride_bytes


cdef inline void *_value_of(const uint8_t *slot) noexcept nogil:
    return (<void **>slot)[0]


cdef inline uint32_t _hash_of(const uint8_t *slot) noexcept nogil:
    return (<const uint32_t *>(slot + HASH_OFFSET_BYTES))[0]


cdef int _init(KeyTable *t, uint32_t capacity, uint32_t stride_bytes, uint64_t seed) noexcept nogil:
    cdef uint32_t slots = 2
    memset(t, 0, sizeof(KeyTable))
    if capacity == 0 or capacity > CAPACITY_MAX:
        return -1
    while slots < 2 * capacity:
        slots *= 2
    t.slots = <uint8_t *>calloc(slots, stride_bytes)
    if t.slots == NULL:
        return -1
    t.mask = slots - 1
    t.stride_bytes = stride_bytes
    t.capacity = capacity
    t.hash_key[0] = _split_mix(seed + <uint64_t>0x9E3779B97F4A7C15)
    t.hash_key[1] = _split_mix(seed + <uint64_t>0x3C6EF372FE94F82A)
    return 0


cdef void _free(KeyTable *t) noexcept nogil:
    free(t.slots)
    memset(t, 0, sizeof(KeyTable))


cdef uint8_t *_find(const KeyTable *t, const uint8_t *key, int key_bytes, uint32_t *hash_out) noexcept nogil:
    """The slot that holds the key, or the free slot where it would go. Ends because half of the slots are free."""
    cdef uint32_t key_hash = <uint32_t>_siphash13(t.hash_key, key, key_bytes)
    cdef uint32_t index = key_hash & t.mask
    cdef uint8_t *slot = _slot(t, index)
    hash_out[0] = key_hash
    while _value_of(slot) != NULL:
        if _hash_of(slot) == key_hash and memcmp(slot + KEY_OFFSET_BYTES, key, key_bytes) == 0:
            break
        index = (index + 1) & t.mask
        slot = _slot(t, index)
    return slot


cdef void *_get(const KeyTable *t, const uint8_t *key, int key_bytes) noexcept nogil:
    cdef uint32_t key_hash
    if t.count == 0:
        return NULL
    return _value_of(_find(t, key, key_bytes, &key_hash))


cdef int _put(KeyTable *t, const uint8_t *key, int key_bytes, void *value) noexcept nogil:
    cdef uint32_t key_hash
    cdef uint8_t *slot
    if value == NULL or t.slots == NULL:
        return -1
    slot = _find(t, key, key_bytes, &key_hash)
    if _value_of(slot) != NULL:
        (<void **>slot)[0] = value
        return 1
    if t.count >= t.capacity:
        return -1
    (<void **>slot)[0] = value
    (<uint32_t *>(slot + HASH_OFFSET_BYTES))[0] = key_hash
    memcpy(slot + KEY_OFFSET_BYTES, key, key_bytes)
    t.count += 1
    return 0


cdef void _vacate(KeyTable *t, uint32_t hole) noexcept nogil:
    """Empty slot `hole` and pull back the entries behind it that a search would no longer reach."""
    cdef uint32_t index = hole
    cdef uint32_t home
    cdef uint8_t *slot
    while True:
        index = (index + 1) & t.mask
        slot = _slot(t, index)
        if _value_of(slot) == NULL:
            break
        home = _hash_of(slot) & t.mask
        # Movable when its home is not in (hole, index], counted around the end of the table.
        if ((index - home) & t.mask) >= ((index - hole) & t.mask):
            memcpy(_slot(t, hole), slot, t.stride_bytes)
            hole = index
    memset(_slot(t, hole), 0, t.stride_bytes)
    t.count -= 1


cdef int _remove(KeyTable *t, const uint8_t *key, int key_bytes) noexcept nogil:
    cdef uint32_t key_hash
    cdef uint8_t *slot
    if t.count == 0:
        return 0
    slot = _find(t, key, key_bytes, &key_hash)
    if _value_of(slot) == NULL:
        return 0
    _vacate(t, <uint32_t>(<size_t>(slot - t.slots) // t.stride_bytes))
    return 1


cdef uint32_t _remove_value(KeyTable *t, const void *value) noexcept nogil:
    cdef uint32_t index = 0
    cdef uint32_t removed = 0
    if value == NULL or t.count == 0:
        return 0
    while index <= t.mask:
        if _value_of(_slot(t, index)) == value:
            # Look at the same slot again: another entry may have been pulled into it. One that is pulled over the
            # end of the table to a later slot was looked at before, so nothing is missed.
            _vacate(t, index)
            removed += 1
        else:
            index += 1
    return removed


# --- peer address ---------------------------------------------------------------------------------------------------

cdef inline void _address_key(uint8_t *key, const uint8_t *ip16, uint16_t port, uint16_t connection) noexcept nogil:
    memcpy(key, ip16, 16)
    key[16] = <uint8_t>(port >> 8)
    key[17] = <uint8_t>(port & 0xFF)
    key[18] = <uint8_t>(connection >> 8)
    key[19] = <uint8_t>(connection & 0xFF)


cdef int address_table_init(AddressTable *t, uint32_t capacity, uint64_t seed) noexcept nogil:
    return _init(&t.keys, capacity, ADDRESS_STRIDE_BYTES, seed)


cdef void address_table_free(AddressTable *t) noexcept nogil:
    _free(&t.keys)


cdef void *address_table_get(const AddressTable *t, const uint8_t *ip16, uint16_t port,
                             uint16_t connection) noexcept nogil:
    """Look up 16 bytes of IPv6 address (IPv4 as v4-mapped, ::ffff:a.b.c.d), a port, and the connection, 0 for none."""
    cdef uint8_t key[ADDRESS_KEY_BYTES]
    _address_key(key, ip16, port, connection)
    return _get(&t.keys, key, ADDRESS_KEY_BYTES)


cdef int address_table_put(AddressTable *t, const uint8_t *ip16, uint16_t port, uint16_t connection,
                           void *value) noexcept nogil:
    cdef uint8_t key[ADDRESS_KEY_BYTES]
    _address_key(key, ip16, port, connection)
    return _put(&t.keys, key, ADDRESS_KEY_BYTES, value)


cdef int address_table_remove(AddressTable *t, const uint8_t *ip16, uint16_t port,
                              uint16_t connection) noexcept nogil:
    cdef uint8_t key[ADDRESS_KEY_BYTES]
    _address_key(key, ip16, port, connection)
    return _remove(&t.keys, key, ADDRESS_KEY_BYTES)


cdef uint32_t address_table_remove_value(AddressTable *t, const void *value) noexcept nogil:
    return _remove_value(&t.keys, value)


cdef uint32_t address_table_count(const AddressTable *t) noexcept nogil:
    return t.keys.count


# --- ICE username fragment ------------------------------------------------------------------------------------------

cdef inline int _ufrag_key(uint8_t *key, const uint8_t *ufrag, int length) noexcept nogil:
    """Write length byte and ufrag, so that no ufrag equals the beginning of another; 0 for an impossible length."""
    if length < 1 or length > UFRAG_KEY_MAX_BYTES:
        return 0
    key[0] = <uint8_t>length
    memcpy(key + 1, ufrag, length)
    return length + 1


cdef int ufrag_table_init(UfragTable *t, uint32_t capacity, uint64_t seed) noexcept nogil:
    return _init(&t.keys, capacity, UFRAG_STRIDE_BYTES, seed)


cdef void ufrag_table_free(UfragTable *t) noexcept nogil:
    _free(&t.keys)


cdef void *ufrag_table_get(const UfragTable *t, const uint8_t *ufrag, int length) noexcept nogil:
    """Look up a ufrag of 1 to 32 bytes; any other length is not there (a peer may send 256, RFC 8839 section 5.4)."""
    cdef uint8_t key[1 + UFRAG_KEY_MAX_BYTES]
    cdef int key_bytes = _ufrag_key(key, ufrag, length)
    return _get(&t.keys, key, key_bytes) if key_bytes else NULL


cdef int ufrag_table_put(UfragTable *t, const uint8_t *ufrag, int length, void *value) noexcept nogil:
    cdef uint8_t key[1 + UFRAG_KEY_MAX_BYTES]
    cdef int key_bytes = _ufrag_key(key, ufrag, length)
    return _put(&t.keys, key, key_bytes, value) if key_bytes else -1


cdef int ufrag_table_remove(UfragTable *t, const uint8_t *ufrag, int length) noexcept nogil:
    cdef uint8_t key[1 + UFRAG_KEY_MAX_BYTES]
    cdef int key_bytes = _ufrag_key(key, ufrag, length)
    return _remove(&t.keys, key, key_bytes) if key_bytes else 0


cdef uint32_t ufrag_table_remove_value(UfragTable *t, const void *value) noexcept nogil:
    return _remove_value(&t.keys, value)


cdef uint32_t ufrag_table_count(const UfragTable *t) noexcept nogil:
    return t.keys.count


# --- SSRC -----------------------------------------------------------------------------------------------------------

cdef inline void _ssrc_key(uint8_t *key, uint32_t ssrc) noexcept nogil:
    key[0] = <uint8_t>(ssrc >> 24)
    key[1] = <uint8_t>(ssrc >> 16)
    key[2] = <uint8_t>(ssrc >> 8)
    key[3] = <uint8_t>ssrc


cdef inline uint32_t _ssrc_of(const uint8_t *key) noexcept nogil:
    return <uint32_t>key[0] << 24 | <uint32_t>key[1] << 16 | <uint32_t>key[2] << 8 | key[3]


cdef int ssrc_table_init(SsrcTable *t, uint32_t capacity, uint64_t seed) noexcept nogil:
    return _init(&t.keys, capacity, SSRC_STRIDE_BYTES, seed)


cdef void ssrc_table_free(SsrcTable *t) noexcept nogil:
    _free(&t.keys)


cdef void *ssrc_table_get(const SsrcTable *t, uint32_t ssrc) noexcept nogil:
    cdef uint8_t key[SSRC_KEY_BYTES]
    _ssrc_key(key, ssrc)
    return _get(&t.keys, key, SSRC_KEY_BYTES)


cdef int ssrc_table_put(SsrcTable *t, uint32_t ssrc, void *value) noexcept nogil:
    cdef uint8_t key[SSRC_KEY_BYTES]
    _ssrc_key(key, ssrc)
    return _put(&t.keys, key, SSRC_KEY_BYTES, value)


cdef int ssrc_table_remove(SsrcTable *t, uint32_t ssrc) noexcept nogil:
    cdef uint8_t key[SSRC_KEY_BYTES]
    _ssrc_key(key, ssrc)
    return _remove(&t.keys, key, SSRC_KEY_BYTES)


cdef uint32_t ssrc_table_remove_value(SsrcTable *t, const void *value) noexcept nogil:
    return _remove_value(&t.keys, value)


cdef bint ssrc_table_next(const SsrcTable *t, uint32_t *index, uint32_t *ssrc, void **value) noexcept nogil:
    """Give the first entry from slot `index` on, and move `index` behind it; False at the end."""
    cdef const uint8_t *slot
    while t.keys.count and index[0] <= t.keys.mask:
        slot = _slot(&t.keys, index[0])
        index[0] += 1
        if _value_of(slot) != NULL:
            ssrc[0] = _ssrc_of(slot + KEY_OFFSET_BYTES)
            value[0] = _value_of(slot)
            return True
    return False


cdef uint32_t ssrc_table_count(const SsrcTable *t) noexcept nogil:
    return t.keys.count


# --- view for tests, tools and fuzzers ------------------------------------------------------------------------------

cdef uint32_t _longest_search(const KeyTable *t) noexcept nogil:
    cdef uint32_t index, steps, longest = 0
    for index in range(t.mask + 1):
        if _value_of(_slot(t, index)) != NULL:
            steps = ((index - _hash_of(_slot(t, index))) & t.mask) + 1
            if steps > longest:
                longest = steps
    return longest


cdef object _number(void *value):
    return None if value == NULL else <uintptr_t>value


def siphash13(hash_key: bytes, data: bytes) -> int:
    """The tables' hash as RFC-style test vectors give it: 16-byte key, little-endian."""
    cdef uint64_t words[2]
    if len(hash_key) != 16:
        raise ValueError("the key has 16 bytes")
    words[0] = int.from_bytes(hash_key[:8], "little")
    words[1] = int.from_bytes(hash_key[8:], "little")
    return _siphash13(words, data, <int>len(data))


cdef class AddressTableView:
    """An AddressTable whose values are plain numbers (never followed); 0 is not a value."""
    cdef AddressTable table

    def __cinit__(self, capacity, seed=0):
        if not 0 < capacity <= CAPACITY_MAX or address_table_init(&self.table, capacity, seed) != 0:
            raise ValueError("capacity out of range")

    def __dealloc__(self):
        address_table_free(&self.table)

    cdef const uint8_t *_checked(self, bytes ip16) except NULL:
        if len(ip16) != 16:
            raise ValueError("an address has 16 bytes")
        return <const uint8_t *>ip16

    def get(self, bytes ip16, uint16_t port, uint16_t connection=0):
        return _number(address_table_get(&self.table, self._checked(ip16), port, connection))

    def put(self, bytes ip16, uint16_t port, uintptr_t value, uint16_t connection=0):
        return address_table_put(&self.table, self._checked(ip16), port, connection, <void *>value)

    def remove(self, bytes ip16, uint16_t port, uint16_t connection=0):
        return address_table_remove(&self.table, self._checked(ip16), port, connection)

    def remove_value(self, uintptr_t value):
        return address_table_remove_value(&self.table, <void *>value)

    def longest_search(self):
        """Slots looked at by the slowest successful search."""
        return _longest_search(&self.table.keys)

    def home(self, bytes ip16, uint16_t port, uint16_t connection=0):
        """Index of the slot where a search for the key begins."""
        cdef uint8_t key[ADDRESS_KEY_BYTES]
        _address_key(key, self._checked(ip16), port, connection)
        return _siphash13(self.table.keys.hash_key, key, ADDRESS_KEY_BYTES) & self.table.keys.mask

    def slots(self):
        return self.table.keys.mask + 1

    def __len__(self):
        return address_table_count(&self.table)


cdef class UfragTableView:
    """A UfragTable whose values are plain numbers (never followed); 0 is not a value."""
    cdef UfragTable table

    def __cinit__(self, capacity, seed=0):
        if not 0 < capacity <= CAPACITY_MAX or ufrag_table_init(&self.table, capacity, seed) != 0:
            raise ValueError("capacity out of range")

    def __dealloc__(self):
        ufrag_table_free(&self.table)

    def get(self, bytes ufrag):
        return _number(ufrag_table_get(&self.table, ufrag, <int>len(ufrag)))

    def put(self, bytes ufrag, uintptr_t value):
        return ufrag_table_put(&self.table, ufrag, <int>len(ufrag), <void *>value)

    def remove(self, bytes ufrag):
        return ufrag_table_remove(&self.table, ufrag, <int>len(ufrag))

    def remove_value(self, uintptr_t value):
        return ufrag_table_remove_value(&self.table, <void *>value)

    def __len__(self):
        return ufrag_table_count(&self.table)


cdef class SsrcTableView:
    """An SsrcTable whose values are plain numbers (never followed); 0 is not a value."""
    cdef SsrcTable table

    def __cinit__(self, capacity, seed=0):
        if not 0 < capacity <= CAPACITY_MAX or ssrc_table_init(&self.table, capacity, seed) != 0:
            raise ValueError("capacity out of range")

    def __dealloc__(self):
        ssrc_table_free(&self.table)

    def get(self, uint32_t ssrc):
        return _number(ssrc_table_get(&self.table, ssrc))

    def put(self, uint32_t ssrc, uintptr_t value):
        return ssrc_table_put(&self.table, ssrc, <void *>value)

    def remove(self, uint32_t ssrc):
        return ssrc_table_remove(&self.table, ssrc)

    def remove_value(self, uintptr_t value):
        return ssrc_table_remove_value(&self.table, <void *>value)

    def longest_search(self):
        return _longest_search(&self.table.keys)

    def __len__(self):
        return ssrc_table_count(&self.table)
