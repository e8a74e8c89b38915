// A disk that fails: preloaded, this stands before the C library's writing of files. Nothing fails until it is told.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic int write_error, sync_error, allocate_error, syncs;

void fail(int of_write, int of_sync, int of_allocate)
{
    write_error = of_write;
    sync_error = of_sync;
    allocate_error = of_allocate;
    syncs = 0;
}

int syncs_seen(void) { return syncs; }

// Half of it arrives, as on a disk that fills up or dies in the middle.
static ssize_t half(const char *name, int fd, const void *data, size_t size, off_t offset)
{
    ssize_t (*libc_pwrite)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
    if (!write_error)
        return libc_pwrite(fd, data, size, offset);
    if (size > 20)
        return libc_pwrite(fd, data, size / 2, offset);
    errno = write_error;
    return -1;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return half("pwrite", fd, data, size, offset); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return half("pwrite64", fd, data, size, offset); }

int fdatasync(int fd)
{
    syncs++;
    if (sync_error) {
        errno = sync_error;
        return -1;
    }
    int (*libc_fdatasync)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return libc_fdatasync(fd);
}

static int allocate(const char *name, int fd, off_t offset, off_t size)
{
    int (*libc_allocate)(int, off_t, off_t) = dlsym(RTLD_NEXT, name);
    return allocate_error ? allocate_error : libc_allocate(fd, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) { return allocate("posix_fallocate", fd, offset, size); }
int posix_fallocate64(int fd, off_t offset, off_t size) { return allocate("posix_fallocate64", fd, offset, size); }
