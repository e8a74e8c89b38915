"""C atomics for the rings; a declaration file only, no module is built from it.

GCC and Clang builtins, so that x86-64 and aarch64 both get what the names say: an acquire load is a plain load on
x86-64 and LDAR/LDAPR on aarch64, a release store a plain store and STLR, a full fence MFENCE (or a locked
instruction) and DMB ISH.
"""
from libc.stdint cimport uint32_t, uint64_t

cdef extern from * nogil:
    """
    #ifndef HUISHANG_ATOMICS
    #define HUISHANG_ATOMICS
    #include <stdint.h>
    static inline uint64_t hs_load_relaxed_u64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline uint64_t hs_load_acquire_u64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline void hs_store_relaxed_u64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline void hs_store_release_u64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
    static inline uint64_t hs_fetch_add_u64(uint64_t *p, uint64_t v) {
        return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
    }
    static inline int hs_compare_exchange_u64(uint64_t *p, uint64_t expected, uint64_t desired) {
        return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    static inline uint64_t hs_exchange_u64(uint64_t *p, uint64_t v) {
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
    }
    static inline uint32_t hs_load_relaxed_u32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline void hs_store_relaxed_u32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline uint32_t hs_exchange_u32(uint32_t *p, uint32_t v) {
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
    }
    static inline void hs_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
    static inline void hs_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
    static inline void hs_fence_full(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    #endif
    """
    uint64_t load_relaxed_u64 "hs_load_relaxed_u64"(const uint64_t *p) noexcept
    uint64_t load_acquire_u64 "hs_load_acquire_u64"(const uint64_t *p) noexcept
    void store_relaxed_u64 "hs_store_relaxed_u64"(uint64_t *p, uint64_t v) noexcept
    void store_release_u64 "hs_store_release_u64"(uint64_t *p, uint64_t v) noexcept
    uint64_t fetch_add_u64 "hs_fetch_add_u64"(uint64_t *p, uint64_t v) noexcept
    int compare_exchange_u64 "hs_compare_exchange_u64"(uint64_t *p, uint64_t expected, uint64_t desired) noexcept
    uint64_t exchange_u64 "hs_exchange_u64"(uint64_t *p, uint64_t v) noexcept
    uint32_t load_relaxed_u32 "hs_load_relaxed_u32"(const uint32_t *p) noexcept
    void store_relaxed_u32 "hs_store_relaxed_u32"(uint32_t *p, uint32_t v) noexcept
    uint32_t exchange_u32 "hs_exchange_u32"(uint32_t *p, uint32_t v) noexcept
    void fence_acquire "hs_fence_acquire"() noexcept
    void fence_release "hs_fence_release"() noexcept
    void fence_full "hs_fence_full"() noexcept
