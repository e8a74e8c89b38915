// What one thread asks of the C library: preloaded, this stands before it and counts.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static _Atomic long watched;
static _Atomic long allocations, most_received;
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

void watch(long thread) { allocations = most_received = 0; watched = thread; }
// Between the two, which one thread calls, the watched thread reads nothing: what is sent meanwhile waits for it.
void hold_reading(void) { pthread_mutex_lock(&reading); }
void let_read(void) { pthread_mutex_unlock(&reading); }
long allocations_seen(void) { return allocations; }
long most_received_seen(void) { return most_received; }

static int is_watched(void)
{
    static __thread long self;
    if (!self)
        self = syscall(SYS_gettid);
    return self == watched;
}

void *malloc(size_t size) { allocations += is_watched(); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { allocations += is_watched(); return __libc_calloc(count, size); }
void *realloc(void *at, size_t size) { allocations += is_watched(); return __libc_realloc(at, size); }
void *memalign(size_t to, size_t size) { allocations += is_watched(); return __libc_memalign(to, size); }
void *aligned_alloc(size_t to, size_t size) { return memalign(to, size); }
void free(void *at) { __libc_free(at); }

int posix_memalign(void **at, size_t to, size_t size)
{
    *at = memalign(to, size);
    return *at ? 0 : 12;
}

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    static int (*libc_recvmmsg)(int, struct mmsghdr *, unsigned, int, struct timespec *);
    if (!libc_recvmmsg)
        libc_recvmmsg = dlsym(RTLD_NEXT, "recvmmsg");
    if (is_watched()) {
        hold_reading();
        let_read();
    }
    int got = libc_recvmmsg(descriptor, messages, count, flags, timeout);
    if (is_watched() && got > most_received)
        most_received = got;
    return got;
}
